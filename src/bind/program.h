/*
** program.h - what the files of the program rnnlua share; the module has none
** of them.
*/
#ifndef RNNLUA_PROGRAM_H
#define RNNLUA_PROGRAM_H

#include "bind/bind.h"

/*
** lua_pcall, that a signal can end. The error it leaves is a table {exit=,
** message=} or text with a traceback.
*/
int rnnlua_call (lua_State *L, int nargs, int nresults);

/* Prints the error on top of the stack; returns the exit status it asks for. */
int rnnlua_report (lua_State *L);

/*
** Reads and runs statements until the input ends; `require "rnn"` was called.
** Returns an exit status.
*/
int rnnlua_prompt (lua_State *L);

#endif
