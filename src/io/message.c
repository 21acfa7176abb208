/*
** message.c - names, paths and reasons, fit for error texts.
*/
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/io.h"


rnli_Brief rnli_brief (const char *s) {
  rnli_Brief b;
  size_t n = strlen(s), i = 0, used = 0;
  while (i < n && used < sizeof b.text - 8) {
    int32_t code;
    int len = rnl_utf8_decode(s + i, n - i, &code);
    int shown = len > 0 && code >= 0x20 && (code < 0x7f || code > 0x9f);
    memcpy(b.text + used, shown ? s + i : "?", shown ? (size_t)len : 1);
    used += shown ? (size_t)len : 1;
    i += len > 0 ? (size_t)len : 1;
  }
  snprintf(b.text + used, sizeof b.text - used, "%s", i < n ? "..." : "");
  return b;
}


int rnli_system_error (rnl_Context *ctx, const char *path, const char *what) {
  char reason[128];
  int code = errno;
  if (strerror_r(code, reason, sizeof reason) != 0)
    snprintf(reason, sizeof reason, "error %d", code);
  return rnli_error(ctx, RNL_EIO, "%.300s: %s: %s", path, what, reason);
}
