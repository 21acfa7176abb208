/*
** bind_sys.c - core.sys: what scripts need of the system and Lua lacks.
*/
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bind/bind.h"


/* Monotonic seconds; only differences mean something. */
static int l_clock (lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + 1e-9 * (lua_Number)t.tv_nsec);
  return 1;
}


static int l_isatty (lua_State *L) {
  static const char *const name[] = {"stdin", "stdout", "stderr", NULL};
  lua_pushboolean(L, isatty(luaL_checkoption(L, 1, NULL, name)));
  return 1;
}


/* Width of the terminal behind stderr, 80 when there is none. */
static int l_columns (lua_State *L) {
  struct winsize w;
  int known = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0;
  lua_pushinteger(L, known ? w.ws_col : 80);
  return 1;
}


static int l_pid (lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}


/* Peak resident memory in bytes. */
static int l_rss (lua_State *L) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  lua_pushinteger(L, (lua_Integer)usage.ru_maxrss * 1024);
  return 1;
}


/* "2026-11-21T07:00:00Z" */
static int l_utc (lua_State *L) {
  char text[32];
  time_t now = time(NULL);
  struct tm tm;
  gmtime_r(&now, &tm);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  lua_pushstring(L, text);
  return 1;
}


/* The value of "model name" in /proc/cpuinfo, or "". */
static void read_cpu (char *name, size_t size) {
  char line[256];
  FILE *f = fopen("/proc/cpuinfo", "r");
  *name = '\0';
  while (f && !*name && fgets(line, sizeof line, f)) {
    const char *value = strstr(line, ": ");
    if (strncmp(line, "model name", 10) == 0 && value)
      snprintf(name, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
  }
  if (f) fclose(f);
}


/* Model of the CPU, nil where the system does not tell. */
static int l_cpu (lua_State *L) {
  char name[256];
  read_cpu(name, sizeof name);
  if (*name) lua_pushstring(L, name);
  else lua_pushnil(L);
  return 1;
}


void rnnlua_open_sys (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"clock", l_clock}, {"isatty", l_isatty}, {"columns", l_columns},
    {"pid", l_pid}, {"rss", l_rss}, {"utc", l_utc},
    {"cpu", l_cpu}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "sys");
}
