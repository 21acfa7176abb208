/*
** main.c - the program rnnlua, used as lua is: options, a script with its
** arguments, or a prompt. `require "rnn"` works without any path.
**
** A script that is no file from here is looked up in the scripts of the build
** tree or of the installation. An error that is a table {exit=, message=} is
** printed as one line and sets the exit status; other errors print a
** traceback. Ctrl-C raises "interrupted!" in the script.
*/
#include <editline/readline.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind/bind.h"

enum { EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

static const char HELP[] =
  "Usage: rnnlua [options] [script [args]]\n"
  "Runs Lua scripts that train and use neural sequence models.\n"
  "\n"
  "  -e STAT   run the string STAT\n"
  "  -l MOD    require MOD into the global MOD (-l g=MOD into g)\n"
  "  -i        prompt after running the script; here rnn is a global\n"
  "  -v        show the version\n"
  "  -E        ignore the environment variable LUA_INIT\n"
  "  -W        turn warnings on\n"
  "  --        end of options      -   run standard input\n"
  "  -h        show this and exit\n"
  "\n"
  "A script that is not found from here is looked up among the installed\n"
  "ones, so these work from any folder:\n"
  "\n"
  "  rnnlua train_charlm.lua --data corpus.txt --out run\n"
  "  rnnlua sample.lua run/best.safetensors --prime \"The \"\n"
  "  rnnlua train_charlm.lua --help\n"
  "\n"
  "Exit status: 0 done, 1 runtime, 2 usage, 3 bad input or model,\n"
  "4 diverged, 5 could not save, 130 interrupted.\n";

/* The state a signal interrupts; a handler has no other way to know it. */
static lua_State *global_L = NULL;

/* {== Ctrl-C ============================================================= */

static void stop_hook (lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}


/* Only sets a hook: a handler cannot raise. A second Ctrl-C ends the program. */
static void on_interrupt (int sig) {
  signal(sig, SIG_DFL);
  lua_sethook(global_L, stop_hook,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* }====================================================================== */

/* {== Calling ============================================================ */

static void complain (const char *message) {
  fflush(stdout);
  fprintf(stderr, "rnnlua: %s\n", message);
}


/* {exit=, message=} as it is; anything else becomes text with a traceback. */
static int message_handler (lua_State *L) {
  if (lua_istable(L, 1)) {
    if (lua_getfield(L, 1, "exit") == LUA_TNUMBER) {
      lua_settop(L, 1);
      return 1;
    }
    lua_settop(L, 1);
  }
  const char *text = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, text, 1);
  return 1;
}


static int call (lua_State *L, int nargs, int nresults) {
  int base = lua_gettop(L) - nargs;
  lua_pushcfunction(L, message_handler);
  lua_insert(L, base);
  signal(SIGINT, on_interrupt);
  int status = lua_pcall(L, nargs, nresults, base);
  signal(SIGINT, SIG_DFL);
  lua_remove(L, base);
  return status;
}


/* Prints the error on top of the stack; returns the exit status it asks for. */
static int report (lua_State *L) {
  int code = 1;
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "exit");
    code = (int)lua_tointeger(L, -1);
    lua_getfield(L, -2, "message");
    if (lua_isstring(L, -1)) complain(lua_tostring(L, -1));
    lua_pop(L, 2);
  } else {
    const char *text = lua_tostring(L, -1);
    int stopped = text && strstr(text, "interrupted!") != NULL;
    complain(stopped ? "interrupted" : text ? text : "error without text");
    if (stopped) code = EXIT_INTERRUPTED;
  }
  lua_pop(L, 1);
  return code;
}


static int run_string (lua_State *L, const char *s, const char *name) {
  if (luaL_loadbufferx(L, s, strlen(s), name, "t") != LUA_OK ||
      call(L, 0, 0) != LUA_OK)
    return report(L);
  return 0;
}

/* }====================================================================== */

/* {== Scripts ============================================================ */

/* The folder of the running program, with a final '/', or "". */
static const char *program_folder (lua_State *L) {
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  path[n > 0 ? n : 0] = '\0';
  char *slash = strrchr(path, '/');
  if (slash) slash[1] = '\0';
  return lua_pushstring(L, slash ? path : "");
}


/* The path to load for 'name': from here, or among the scripts we have. */
static const char *find_script (lua_State *L, const char *name) {
  static const char *const folders[] = {"../../scripts/",
                                        "../share/rnnlua/scripts/", NULL};
  if (access(name, F_OK) == 0) return name;
  if (name[0] == '/') return NULL;
  const char *home = program_folder(L);
  for (int i = 0; folders[i]; i++) {
    const char *path = lua_pushfstring(L, "%s%s%s", home, folders[i], name);
    if (access(path, R_OK) == 0) return path;
  }
  return NULL;
}


/* Pushes arg[1..]; returns how many. */
static int push_args (lua_State *L, int argc, char **argv, int script) {
  int n = argc - script - 1;
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = script + 1; i < argc; i++) lua_pushstring(L, argv[i]);
  return n;
}


static int run_script (lua_State *L, int argc, char **argv, int script) {
  const char *name = argv[script];
  const char *path = NULL;
  if (strcmp(name, "-") != 0 || strcmp(argv[script - 1], "--") == 0) {
    path = find_script(L, name);
    if (!path) {
      fprintf(stderr, "rnnlua: no script '%s' here or among the installed "
              "ones; rnnlua --help lists options\n", name);
      return EXIT_USAGE;
    }
  }
  if (luaL_loadfilex(L, path, "t") != LUA_OK) return report(L);
  int n = push_args(L, argc, argv, script);
  return call(L, n, 0) == LUA_OK ? 0 : report(L);
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

/* {== Prompt ============================================================= */

static char *read_line (const char *prompt, int terminal) {
  if (terminal) return readline(prompt);
  char *line = NULL;
  size_t size = 0;
  ssize_t n = getline(&line, &size, stdin);
  if (n < 0) {
    free(line);
    return NULL;
  }
  if (n > 0 && line[n - 1] == '\n') line[n - 1] = '\0';
  return line;
}


/* Pushes one line; 0 at the end of input. */
static int push_line (lua_State *L, const char *prompt, int terminal) {
  char *line = read_line(prompt, terminal);
  if (!line) return 0;
  if (terminal && *line) add_history(line);
  lua_pushstring(L, line);
  free(line);
  return 1;
}


/* Does the message on top say that the text ended too early? Pops it. */
static int incomplete (lua_State *L, int status) {
  size_t n;
  static const char mark[] = "<eof>";
  if (status != LUA_ERRSYNTAX) return 0;
  const char *text = lua_tolstring(L, -1, &n);
  size_t m = sizeof mark - 1;
  if (n < m || strcmp(text + n - m, mark) != 0) return 0;
  lua_pop(L, 1);
  return 1;
}


/* The line on the stack as an expression, whose value is printed. */
static int load_expression (lua_State *L) {
  size_t n;
  const char *code = lua_pushfstring(L, "return %s", lua_tostring(L, -1));
  n = strlen(code);
  int status = luaL_loadbufferx(L, code, n, "=stdin", "t");
  lua_remove(L, -2);
  if (status != LUA_OK) lua_pop(L, 1);
  return status;
}


/* Turns the line on the stack into a function, reading more as needed. */
static int load_statement (lua_State *L, int terminal) {
  for (;;) {
    size_t n;
    const char *code = lua_tolstring(L, -1, &n);
    int status = luaL_loadbufferx(L, code, n, "=stdin", "t");
    if (!incomplete(L, status) || !push_line(L, ">> ", terminal)) {
      lua_remove(L, -2);
      return status;
    }
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3);
  }
}


static void print_results (lua_State *L, int from) {
  int n = lua_gettop(L) - from;
  if (n == 0) return;
  luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
  lua_getglobal(L, "print");
  lua_insert(L, from + 1);
  if (lua_pcall(L, n, 0, 0) != LUA_OK) report(L);
}


static void prompt_loop (lua_State *L) {
  int terminal = isatty(STDIN_FILENO);
  lua_settop(L, 0);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "rnn");
  if (call(L, 1, 1) == LUA_OK) lua_setglobal(L, "rnn");
  else report(L);
  while (lua_settop(L, 0), push_line(L, "> ", terminal)) {
    int status = load_expression(L);
    if (status != LUA_OK) status = load_statement(L, terminal);
    else lua_remove(L, 1);
    if (status == LUA_OK) status = call(L, 0, LUA_MULTRET);
    if (status == LUA_OK) print_results(L, 0);
    else report(L);
  }
  if (terminal) fputs("\n", stdout);
}

/* }====================================================================== */

/* {== Options ============================================================ */

typedef struct Options {
  int script;        /* index of the script; argc when there is none */
  int prompt, version, ignore_env, runs;
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
    if (strcmp(a, "-i") == 0) o->prompt = o->version = 1;
    else if (strcmp(a, "-v") == 0 || strcmp(a, "--version") == 0)
      o->version = 1;
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
  if (call(L, 1, 1) != LUA_OK) return report(L);
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
  if (*init != '@') return run_string(L, init, "=LUA_INIT");
  if (luaL_loadfilex(L, init + 1, "t") != LUA_OK || call(L, 0, 0) != LUA_OK)
    return report(L);
  return 0;
}


static void show_version (void) {
  printf("rnnlua %s  %s\n", rnl_version(), LUA_RELEASE);
}

/* }====================================================================== */

/* Everything that may raise; returns the exit status as an integer. */
static int protected_main (lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  Options o = {0, 0, 0, 0, 0};
  int code = read_options(argc, argv, &o);
  lua_settop(L, 0);
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_rnn);
  lua_setfield(L, -2, "rnn");
  lua_pop(L, 1);
  set_arg(L, argc, argv, o.script);
  if (!code && o.version) show_version();
  if (!code && !o.ignore_env) code = run_init(L);
  if (!code) code = run_options(L, argc, argv, o.script);
  if (!code && o.script < argc) code = run_script(L, argc, argv, o.script);
  int idle = o.script >= argc && !o.runs && !o.version;
  if (!code && !o.prompt && idle && !isatty(STDIN_FILENO)) {
    if (luaL_loadfilex(L, NULL, "t") != LUA_OK || call(L, 0, 0) != LUA_OK)
      code = report(L);
    idle = 0;
  }
  if (!code && (o.prompt || idle)) {
    if (idle && !o.prompt) show_version();
    prompt_loop(L);
  }
  lua_pushinteger(L, code);
  return 1;
}


static int wants_help (int argc, char **argv) {
  return argc > 1 && (strcmp(argv[1], "-h") == 0 ||
                      strcmp(argv[1], "--help") == 0);
}


int main (int argc, char **argv) {
  int code = 1;
  if (wants_help(argc, argv)) {
    fputs(HELP, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
  }
  lua_State *L = luaL_newstate();
  if (!L) {
    complain("not enough memory");
    return 1;
  }
  global_L = L;
  lua_pushcfunction(L, protected_main);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) code = (int)lua_tointeger(L, -1);
  else complain(lua_tostring(L, -1));
  lua_close(L);
  if (fflush(stdout) != 0 && code == 0) {
    complain("cannot write standard output");
    code = 1;
  }
  return code;
}
