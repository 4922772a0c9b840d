/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subcommands of spinat.  Each is a main() of its own: argv[0] is the
 * subcommand's name.  They return an exit code: 0 fine, 1 the thing asked
 * about is wrong or cannot be reached, 2 the call itself is wrong.
 */
#ifndef SPINAT_CMD_CMD_H
#define SPINAT_CMD_CMD_H

int cmd_show(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_replay(int argc, char **argv);

#endif
