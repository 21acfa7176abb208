/*
** utf8.c - UTF-8: decoding, checking, normalising. The only file that knows
** utf8proc.
*/
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/core.h"


int rnl_utf8_decode (const char *s, size_t n, int32_t *code) {
  utf8proc_int32_t c;
  utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)s,
                                          n < 4 ? (utf8proc_ssize_t)n : 4, &c);
  if (len <= 0 || c < 0) return 0;
  *code = c;
  return (int)len;
}


int rnl_utf8_encode (int32_t code, char buf[4]) {
  if (!utf8proc_codepoint_valid(code)) return 0;
  return (int)utf8proc_encode_char(code, (utf8proc_uint8_t *)buf);
}


size_t rnl_utf8_check (const char *s, size_t n, size_t *line) {
  size_t lines = 1, i = 0;
  while (i < n) {
    int32_t code;
    if ((unsigned char)s[i] < 0x80) {
      lines += s[i] == '\n';
      i++;
      continue;
    }
    int len = rnl_utf8_decode(s + i, n - i, &code);
    if (len == 0) break;
    i += (size_t)len;
  }
  if (line) *line = lines;
  return i;
}


/* utf8proc's own buffer, copied into one of the context's. */
int rnl_utf8_normalise (rnl_Context *ctx, rnl_Normal form, const char *s,
                        size_t n, char **out, size_t *nout) {
  int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  utf8proc_uint8_t *buffer = NULL;
  *out = NULL;
  if (form == RNL_NFKC) options |= UTF8PROC_COMPAT;
  if (n > INT_MAX)
    return rnli_error(ctx, RNL_EARG, "text of %zu bytes is too long to "
                      "normalise at once", n);
  utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)s,
                                      (utf8proc_ssize_t)n, &buffer,
                                      (utf8proc_option_t)options);
  if (len == UTF8PROC_ERROR_NOMEM) return rnli_nomem(ctx, "normalising", n);
  if (len < 0)
    return rnli_error(ctx, RNL_EFORMAT, "text cannot be normalised: %s",
                      utf8proc_errmsg(len));
  *out = rnli_get(ctx, (size_t)len + 1);
  if (*out) memcpy(*out, buffer, (size_t)len + 1);
  free(buffer);
  if (!*out) return rnli_nomem(ctx, "normalised text", (size_t)len);
  *nout = (size_t)len;
  return RNL_OK;
}


void rnl_text_free (rnl_Context *ctx, char *s) {
  rnli_put(ctx, s);
}
