/*
** harness.h - what the C tests share: CHECK counts, in any thread, failures say
** where they are; harness_end prints the last line and gives main its exit
** status.
*/
#ifndef HARNESS_H
#define HARNESS_H

#include <stdarg.h>
#include <stdio.h>

static _Atomic int harness_passed, harness_failed;

enum { HARNESS_SHOWN = 40 };   /* failures printed; the rest are counted */

/*
** Counts one check. The text after the condition, for printf, says which case
** of a loop it was.
*/
#define CHECK(cond) harness_check((cond) != 0, __FILE__, __LINE__, #cond, "")
#define CHECK_MSG(cond, ...) \
  harness_check((cond) != 0, __FILE__, __LINE__, #cond, __VA_ARGS__)


static inline int harness_check (int ok, const char *file, int line,
                                 const char *what, const char *fmt, ...) {
  if (ok) {
    harness_passed++;
    return 1;
  }
  if (++harness_failed > HARNESS_SHOWN) return 0;
  va_list ap;
  printf("%s:%d: failed: %s", file, line, what);
  if (*fmt) printf(" [");
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  printf(*fmt ? "]\n" : "\n");
  return 0;
}


/* The last thing main does: return harness_end("name"). */
static inline int harness_end (const char *name) {
  printf("%s: %d passed, %d failed\n", name, harness_passed, harness_failed);
  return harness_failed ? 1 : 0;
}

#endif
