/*
** prompt.c - the prompt of the program: editing lines, their history and
** completion by libedit, running what was read. Lua's half, rnn.repl, says what
** a whole statement is, what completes a name and how values are shown.
*/
#include <editline/readline.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bind/program.h"

enum { REPL = 1, EDITOR };   /* at the bottom of the stack */

enum { EXIT_INTERRUPTED = 128 + SIGINT, EXIT_TERMINATED = 128 + SIGTERM };

/* libedit and handlers of signals have no other way to know these. */
static lua_State *editing_L = NULL;
static volatile sig_atomic_t caught = 0;   /* while a line is read */

/* {== Lines ============================================================== */

static void on_signal (int sig) {
  caught = sig;
}


/* A line from 'read', which a signal ends: no SA_RESTART. */
static char *read_line (char *(*read) (const char *), const char *prompt) {
  struct sigaction now, before[2];
  memset(&now, 0, sizeof now);
  now.sa_handler = on_signal;
  caught = 0;
  sigaction(SIGINT, &now, &before[0]);
  sigaction(SIGTERM, &now, &before[1]);
  char *line = read(prompt);
  sigaction(SIGINT, &before[0], NULL);
  sigaction(SIGTERM, &before[1], NULL);
  if (!caught) return line;
  free(line);
  return NULL;
}


/* edit(prompt) -> line of the terminal; nil at the end, false after Ctrl-C */
static int l_edit (lua_State *L) {
  editing_L = L;
  char *line = read_line(readline, luaL_checkstring(L, 1));
  if (line) lua_pushstring(L, line);
  else if (caught == SIGINT) lua_pushboolean(L, 0);
  else lua_pushnil(L);
  free(line);
  if (!lua_isstring(L, -1)) fputs("\n", stdout);
  if (caught == SIGTERM) raise(SIGTERM);   /* now that the terminal is sane */
  return 1;
}


static char *read_stdin (const char *prompt) {
  char *line = NULL;
  size_t size = 0;
  (void)prompt;
  ssize_t n = getline(&line, &size, stdin);
  if (n > 0 && line[n - 1] == '\n') line[n - 1] = '\0';
  if (n >= 0) return line;
  free(line);
  return NULL;
}


/* The same for input that is no terminal; there Ctrl-C is no edit. */
static int l_read (lua_State *L) {
  char *line = read_line(read_stdin, "");
  lua_pushstring(L, line);
  free(line);
  if (caught) raise(caught);
  return 1;
}

/* }====================================================================== */

/* {== History and completion ============================================= */

/* remember(text): what the arrow keys find */
static int l_remember (lua_State *L) {
  add_history(luaL_checkstring(L, 1));
  return 0;
}


/* create(path): a file for its owner only, in folders made for it */
static int l_create (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
    mkdir(lua_pushlstring(L, path, (size_t)(s - path)), 0700);
    lua_pop(L, 1);
  }
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  if (fd >= 0) close(fd);
  return 0;
}


/* Argument: rnn.repl. The names that complete the line before the cursor. */
static int find_names (lua_State *L) {
  lua_getfield(L, 1, "complete");
  lua_pushlstring(L, rl_line_buffer, (size_t)rl_point);
  lua_call(L, 1, 1);
  luaL_checktype(L, -1, LUA_TTABLE);
  return 1;
}


/* One name after another for libedit, from the list on top of the stack. */
static char *next_name (const char *word, int state) {
  (void)word;
  lua_rawgeti(editing_L, -1, state + 1);
  const char *name = lua_tostring(editing_L, -1);
  char *copy = name ? strdup(name) : NULL;
  lua_pop(editing_L, 1);
  return copy;
}


/*
** TAB: what completes the word that ends at the cursor. Where nothing stands
** before it, as in pasted text, it indents. No error may pass through libedit.
*/
static char **complete (const char *word, int start, int end) {
  lua_State *L = editing_L;
  char **names = NULL;
  (void)start;
  rl_attempted_completion_over = 1;   /* no names of files */
  if ((int)strspn(rl_line_buffer, " ") >= end) {
    rl_insert_text("  ");
    return NULL;
  }
  lua_pushcfunction(L, find_names);
  lua_pushvalue(L, lua_upvalueindex(1));
  if (lua_pcall(L, 1, 1, 0) == LUA_OK)
    names = rl_completion_matches(word, next_name);
  lua_pop(L, 1);
  return names;
}


/* Characters beyond ASCII need a locale of UTF-8. */
static void open_libedit (void) {
  setlocale(LC_CTYPE, "");
  if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
    setlocale(LC_CTYPE, "C.UTF-8");
  rl_readline_name = "rnnlua";
  rl_attempted_completion_function = complete;
  rl_basic_word_break_characters = " \t\n()[]{}<>=~+-*/%^#,;:.&|\"'";
  rl_completion_append_character = '\0';
}


static void require (lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}


/* open_repl(terminal) -> rnn.repl, an editor opened by it */
static int open_repl (lua_State *L) {
  static const luaL_Reg memory[] = {
    {"remember", l_remember}, {"create", l_create}, {NULL, NULL}};
  int terminal = lua_toboolean(L, 1);
  require(L, "rnn");
  require(L, "rnn.repl");
  lua_getfield(L, -1, "open");
  lua_newtable(L);
  lua_pushvalue(L, -3);
  lua_pushcclosure(L, terminal ? l_edit : l_read, 1);
  lua_setfield(L, -2, "read");
  if (terminal) luaL_setfuncs(L, memory, 0);
  lua_call(L, 1, 1);
  return 2;
}

/* }====================================================================== */

/* {== Running ============================================================ */

/* Cuts from the traceback on top of the stack what is not the user's. */
static void cut_traceback (lua_State *L) {
  static const char own[] = "\n\tlua/rnn/repl.lua:", base[] = "\n\t[C]: in ?";
  size_t n, m = sizeof base - 1;
  if (lua_type(L, -1) != LUA_TSTRING) return;
  const char *text = lua_tolstring(L, -1, &n);
  const char *trace = strstr(text, "\nstack traceback:");
  if (!trace) return;
  const char *end = strstr(trace, own);
  if (end) n = (size_t)(end - text);
  else if (n > m && strcmp(text + n - m, base) == 0) n -= m;
  lua_pushlstring(L, text, n);
  lua_replace(L, -2);
}


/*
** Calls the function below 'nargs' values, for all its results. Tells of an
** error and returns the exit status it asks for, 0 without one.
*/
static int run (lua_State *L, int nargs) {
  if (rnnlua_call(L, nargs, LUA_MULTRET) == LUA_OK) return 0;
  cut_traceback(L);
  return rnnlua_report(L);
}


/*
** Runs one statement. rnn.repl.read returns it as a function, and another that
** prints its results; false when it was abandoned, nil at the end of input.
*/
static int run_statement (lua_State *L, int *ended) {
  lua_settop(L, EDITOR);
  lua_getfield(L, REPL, "read");
  lua_pushvalue(L, EDITOR);
  int code = run(L, 1);
  int read = EDITOR + 1;
  *ended = !code && lua_isnil(L, read);
  if (code || !lua_isfunction(L, read)) return code;
  lua_insert(L, read);   /* the printer below */
  code = run(L, 0);
  return code ? code : run(L, lua_gettop(L) - read);
}


int rnnlua_prompt (lua_State *L) {
  int terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  int code = 0, ended = 0;
  if (terminal) open_libedit();
  printf("rnnlua %s  %s%s\n", rnl_version(), LUA_RELEASE,
         terminal ? "  help() tells more, Ctrl-D leaves" : "");
  lua_settop(L, 0);
  lua_pushcfunction(L, open_repl);
  lua_pushboolean(L, terminal);
  code = run(L, 1);
  while (!code && !ended) {
    code = run_statement(L, &ended);
    if (code != EXIT_TERMINATED && (terminal || code != EXIT_INTERRUPTED))
      code = 0;
  }
  return code;
}

/* }====================================================================== */
