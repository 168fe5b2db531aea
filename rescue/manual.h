/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manual.h - help, Markdown and man(7) source from the tables that also check plans and command lines: they cannot disagree. */
#ifndef RESCUE_MANUAL_H
#define RESCUE_MANUAL_H

#include "cmd.h"
#include "step.h"

void manual_step_text(struct str *out, const struct step_type *t);             /* for the terminal */
void manual_opts_text(struct str *out, const struct opt *table);
void manual_exit_codes_text(struct str *out);
void manual_step_markdown(struct str *out, const struct step_type *t);
void manual_step_man(struct str *out, const struct step_type *t);
void manual_opts_man(struct str *out, const struct opt *table);
void manual_cmd_man(struct str *out, const struct cmd *c);
void manual_exit_codes_man(struct str *out);

/* Text for man(7): backslashes, hyphens and leading dots made harmless. */
void manual_add_man(struct str *out, const char *text);

#endif
