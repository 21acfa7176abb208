/*
** main.c - the program rnnlua, used as lua is: options, a script with its
** arguments, or a prompt. `require "rnn"` works without any path.
**
** A script that is no file from here is looked up in the scripts of the build
** tree or of the installation. An error that is a table {exit=, message=} is
** printed as one line and sets the exit status; other errors print a
** traceback. Ctrl-C raises "interrupted!" in the script, SIGTERM "terminated!";
** uncaught, they end it with 130 and 143. A script that must not be stopped
** just anywhere asks for signals itself, through the module rnn.program.
*/
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind/program.h"

enum { EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

static const char HELP[] =
  "Usage: rnnlua [options] [script [args]]\n"
  "Runs Lua scripts that train and use neural sequence models.\n"
  "\n"
  "  -e STAT   run the string STAT\n"
  "  -l MOD    require MOD into the global MOD (-l g=MOD into g)\n"
  "  -i        prompt after the script; without one, rnn is a global there\n"
  "  -v        show the version (--version too)\n"
  "  -E        ignore LUA_INIT, LUA_PATH and LUA_CPATH\n"
  "  -W        turn warnings on\n"
  "  --        end of options      -   run standard input\n"
  "  -h        show this and exit (--help too)\n"
  "\n"
  "A script that is not found from here is looked up among the installed\n"
  "ones, so these work from any folder:\n"
  "\n"
  "  rnnlua train_charlm.lua --data corpus.txt --out run\n"
  "  rnnlua sample.lua run/best.safetensors --prime \"The \"\n"
  "  rnnlua train_charlm.lua --help\n"
  "\n"
  "Exit status: 0 done, 1 runtime, 2 usage, 3 bad input or model,\n"
  "4 diverged, 5 could not save, 130 interrupted, 143 terminated.\n";

/* The state a signal interrupts; a handler has no other way to know it. */
static lua_State *global_L = NULL;

/* The last signal caught, 0 since a call began. */
static volatile sig_atomic_t caught = 0;

/* While set, a script polls with program.signal() and is not interrupted. */
static volatile sig_atomic_t deferring = 0;

/* SIGUSR1 came while deferring. */
static volatile sig_atomic_t save_asked = 0;

/* {== Signals ============================================================ */

static void stop_hook (lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, caught == SIGTERM ? "terminated!" : "interrupted!");
}


static void set_hook (void) {
  lua_sethook(global_L, stop_hook,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}


/* A handler cannot raise, only set a hook. A second signal is not caught. */
static void on_signal (int sig) {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  if (deferring) signal(SIGHUP, SIG_DFL);
  caught = sig;
  if (!deferring) set_hook();
}


static void on_save (int sig) {
  (void)sig;
  save_asked = 1;
}


/*
** What nohup does stays done. System calls go on after the handler of a script
** that asks for signals; of another, one that waits for input is broken off.
*/
static void handle (int sig, void (*handler) (int)) {
  struct sigaction now;
  if (sig == SIGHUP && sigaction(sig, NULL, &now) == 0 &&
      now.sa_handler == SIG_IGN)
    return;
  memset(&now, 0, sizeof now);
  now.sa_handler = handler;
  now.sa_flags = deferring ? SA_RESTART : 0;
  sigaction(sig, &now, NULL);
}


static void defer (int on) {
  deferring = on;
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
  handle(SIGHUP, on ? on_signal : SIG_DFL);
  handle(SIGUSR1, on ? on_save : SIG_IGN);
  signal(SIGPIPE, on ? SIG_IGN : SIG_DFL);
  signal(SIGXFSZ, on ? SIG_IGN : SIG_DFL);
}


/*
** program.defer(on): while on, Ctrl-C, SIGTERM and SIGHUP wait to be asked for
** (a second one still ends the process at once), SIGUSR1 too, and writing to a
** closed pipe or beyond a limit of file size fails instead of killing. Off:
** what was not asked for interrupts the script now. It ends with the script,
** or with the statement at the prompt.
*/
static int l_defer (lua_State *L) {
  defer(lua_toboolean(L, 1));
  if (!deferring && caught) set_hook();
  return 0;
}


/*
** program.signal() -> "interrupted" (Ctrl-C), "terminated" (SIGTERM), "hangup",
** "save" (SIGUSR1), or nil. One that stops stays until the end of the script.
*/
static int l_signal (lua_State *L) {
  const char *name = caught == SIGINT ? "interrupted"
                   : caught == SIGTERM ? "terminated"
                   : caught == SIGHUP ? "hangup" : NULL;
  if (!name && save_asked) {
    save_asked = 0;
    name = "save";
  }
  lua_pushstring(L, name);
  return 1;
}


static const luaL_Reg program_functions[] = {
  {"defer", l_defer}, {"signal", l_signal}, {NULL, NULL}};


/* What 'text' says if it is the error of a caught signal; else NULL. */
static const char *signal_text (const char *text) {
  if (!caught || !text) return NULL;
  if (strstr(text, "interrupted!")) return "interrupted";
  return strstr(text, "terminated!") ? "terminated" : NULL;
}

/* }====================================================================== */

/* {== Calling ============================================================ */

static void complain (const char *message) {
  fflush(stdout);
  fprintf(stderr, "rnnlua: %s\n", message);
}


/* The exit status in an error {exit=, message=}; -1 for any other value. */
static int exit_status (lua_State *L, int at) {
  if (!lua_istable(L, at)) return -1;
  lua_pushvalue(L, at);
  lua_pushliteral(L, "exit");
  lua_rawget(L, -2);
  lua_Integer code = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
  lua_pop(L, 2);
  return code >= 0 && code <= 255 ? (int)code : -1;
}


/* {exit=, message=} as it is; anything else becomes text with a traceback. */
static int message_handler (lua_State *L) {
  if (exit_status(L, 1) >= 0) return 1;
  const char *text = lua_tostring(L, 1);
  if (!text) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_isstring(L, -1)) return 1;
    text = lua_pushfstring(L, "(error object is a %s value)",
                           luaL_typename(L, 1));
  }
  luaL_traceback(L, L, text, 1);
  return 1;
}


int rnnlua_call (lua_State *L, int nargs, int nresults) {
  int base = lua_gettop(L) - nargs;
  lua_pushcfunction(L, message_handler);
  lua_insert(L, base);
  caught = 0;
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
  int status = lua_pcall(L, nargs, nresults, base);
  if (deferring) defer(0);
  lua_sethook(L, NULL, 0, 0);   /* of a signal that came too late */
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  lua_remove(L, base);
  return status;
}


int rnnlua_report (lua_State *L) {
  int code = exit_status(L, -1);
  if (code >= 0) {
    lua_pushliteral(L, "message");
    lua_rawget(L, -2);
    if (lua_isstring(L, -1)) complain(lua_tostring(L, -1));
    lua_pop(L, 1);
  } else {
    const char *text = lua_tostring(L, -1);
    const char *stopped = signal_text(text);
    complain(stopped ? stopped : text ? text : "error without text");
    code = stopped ? EXIT_SIGNAL + caught : 1;
  }
  lua_pop(L, 1);
  return code;
}


static int run_string (lua_State *L, const char *s, const char *name) {
  if (luaL_loadbufferx(L, s, strlen(s), name, "t") != LUA_OK ||
      rnnlua_call(L, 0, 0) != LUA_OK)
    return rnnlua_report(L);
  return 0;
}

/* }====================================================================== */

/* {== Scripts ============================================================ */

/* Our scripts in the build tree or the installation; NULL if there are none. */
static const char *scripts_folder (lua_State *L, const char *program) {
  static const char *const folders[] = {"../../scripts",
                                        "../share/rnnlua/scripts", NULL};
  char path[PATH_MAX];
  if (!realpath("/proc/self/exe", path) &&
      !(strchr(program, '/') && realpath(program, path)))
    return NULL;
  *strrchr(path, '/') = '\0';
  const char *home = lua_pushstring(L, path);
  for (int i = 0; folders[i]; i++) {
    const char *near = lua_pushfstring(L, "%s/%s", home, folders[i]);
    if (realpath(near, path)) return lua_pushstring(L, path);
  }
  return NULL;
}


/* The path to load for 'name': from here, or among our scripts; or NULL. */
static const char *find_script (lua_State *L, const char *program,
                                const char *name) {
  if (access(name, F_OK) == 0) return name;
  int bare = *name && !strchr(name, '/');
  const char *folder = bare ? scripts_folder(L, program) : NULL;
  if (folder) {
    const char *path = lua_pushfstring(L, "%s/%s", folder, name);
    if (access(path, R_OK) == 0) return path;
  }
  fprintf(stderr, "rnnlua: no script '%s'%s%s; rnnlua --help lists options\n",
          name, folder ? " here or in " : "", folder ? folder : "");
  return NULL;
}


/* Loads 'path' (NULL: standard input) and calls it with 'n' arguments. */
static int run_file (lua_State *L, const char *path, char **args, int n) {
  if (luaL_loadfilex(L, path, "t") != LUA_OK) return rnnlua_report(L);
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 0; i < n; i++) lua_pushstring(L, args[i]);
  return rnnlua_call(L, n, 0) == LUA_OK ? 0 : rnnlua_report(L);
}


static int run_script (lua_State *L, int argc, char **argv, int script) {
  const char *path = NULL;
  if (strcmp(argv[script], "-") != 0 || strcmp(argv[script - 1], "--") == 0) {
    path = find_script(L, argv[0], argv[script]);
    if (!path) return EXIT_USAGE;
  }
  return run_file(L, path, argv + script + 1, argc - script - 1);
}


/* The global 'arg': script at 0, what came before it below. */
static void set_arg (lua_State *L, int argc, char **argv, int script) {
  if (script == argc) script = 0;
  lua_createtable(L, argc - script, script + 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* }====================================================================== */

/* {== Options ============================================================ */

typedef struct Options {
  int script;        /* index of the script; argc when there is none */
  int prompt, version, help, ignore_env, runs;
} Options;


static int bad_option (const char *text) {
  fprintf(stderr, "rnnlua: unknown option '%s'; rnnlua --help lists them\n",
          text);
  return EXIT_USAGE;
}


/* Looks at the options without running anything; 0 or an exit status. */
static int read_options (int argc, char **argv, Options *o) {
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
    const char *a = argv[i];
    if (strcmp(a, "--") == 0) {
      i++;
      break;
    }
    if (strcmp(a, "-i") == 0) o->prompt = 1;
    else if (strcmp(a, "-v") == 0 || strcmp(a, "--version") == 0)
      o->version = 1;
    else if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) o->help = 1;
    else if (strcmp(a, "-E") == 0) o->ignore_env = 1;
    else if (strcmp(a, "-W") == 0) continue;
    else if (a[1] == 'e' || a[1] == 'l') {
      o->runs = 1;
      if (a[2] == '\0' && ++i == argc) {
        fprintf(stderr, "rnnlua: '%s' needs an argument\n", a);
        return EXIT_USAGE;
      }
    } else {
      return bad_option(a);
    }
  }
  o->script = i;
  return 0;
}


/* -l MOD or -l g=MOD. */
static int run_require (lua_State *L, const char *text) {
  const char *eq = strchr(text, '=');
  const char *module = eq ? eq + 1 : text;
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  if (rnnlua_call(L, 1, 1) != LUA_OK) return rnnlua_report(L);
  lua_pushlstring(L, text, eq ? (size_t)(eq - text) : strlen(text));
  lua_insert(L, -2);
  lua_pushglobaltable(L);
  lua_insert(L, -3);
  lua_settable(L, -3);
  lua_pop(L, 1);
  return 0;
}


/* Runs -e, -l and -W in order. */
static int run_options (lua_State *L, int argc, char **argv, int script) {
  for (int i = 1; i < script && i < argc; i++) {
    char kind = argv[i][1];
    if (strcmp(argv[i], "-W") == 0) lua_warning(L, "@on", 0);
    if (kind != 'e' && kind != 'l') continue;
    const char *text = argv[i][2] ? argv[i] + 2 : argv[++i];
    int code = kind == 'e' ? run_string(L, text, "=(command line)")
                           : run_require(L, text);
    if (code) return code;
  }
  return 0;
}


static int run_init (lua_State *L) {
  const char *init = getenv("LUA_INIT_5_4");
  if (!init) init = getenv("LUA_INIT");
  if (!init) return 0;
  if (*init == '@') return run_file(L, init + 1, NULL, 0);
  return run_string(L, init, "=LUA_INIT");
}


static void show_version (void) {
  printf("rnnlua %s  %s\n", rnl_version(), LUA_RELEASE);
}

/* }====================================================================== */

/* {== The whole run ====================================================== */

static void open_libraries (lua_State *L, const Options *o) {
  if (o->ignore_env) {   /* what loadlib.c looks at */
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_rnn);
  lua_setfield(L, -2, "rnn");
  lua_pop(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_newlib(L, program_functions);
  lua_setfield(L, -2, "rnn.program");
  lua_pop(L, 1);
}


/* The prompt asked for, or what is left to do without script and options. */
static int run_rest (lua_State *L, const Options *o, int has_script) {
  int idle = !has_script && !o->runs && !o->version;
  if (!o->prompt && !idle) return 0;
  if (!o->prompt && !isatty(STDIN_FILENO)) return run_file(L, NULL, NULL, 0);
  int code = has_script ? 0 : run_require(L, "rnn");
  return code ? code : rnnlua_prompt(L);
}


/* Everything that may raise; returns the exit status as an integer. */
static int protected_main (lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  Options o = {0, 0, 0, 0, 0, 0};
  int code = read_options(argc, argv, &o);
  lua_settop(L, 0);
  if (!code && o.help) {
    fputs(HELP, stdout);
  } else if (!code) {
    open_libraries(L, &o);
    set_arg(L, argc, argv, o.script);
    if (o.version) show_version();
    if (!o.ignore_env) code = run_init(L);
    if (!code) code = run_options(L, argc, argv, o.script);
    int has_script = o.script < argc;
    if (!code && has_script) code = run_script(L, argc, argv, o.script);
    if (!code) code = run_rest(L, &o, has_script);
  }
  lua_pushinteger(L, code);
  return 1;
}

/* }====================================================================== */

int main (int argc, char **argv) {
  int code = 1;
  lua_State *L = luaL_newstate();
  if (!L) {
    complain("not enough memory");
    return 1;
  }
  global_L = L;
  signal(SIGUSR1, SIG_IGN);   /* asks a run to save: nothing else to stop */
  lua_pushcfunction(L, protected_main);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) code = (int)lua_tointeger(L, -1);
  else rnnlua_report(L);
  lua_close(L);
  int written = fflush(stdout) == 0 && !ferror(stdout);
  if (!written && code == 0) {
    complain("cannot write standard output");
    code = 1;
  }
  return code;
}
