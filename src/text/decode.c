/*
** decode.c - UTF-8: decoding, encoding, checking.
*/
#include <string.h>

#include "text/text.h"

extern inline int rnli_is_scalar (int32_t code);
extern inline int rnli_utf8_scan (const unsigned char *s, size_t n,
                                  int32_t *code);
extern inline int rnli_utf8_put (int32_t code, char buf[4]);
extern inline int rnli_is_space (int32_t c);
extern inline size_t rnli_ascii_run (const unsigned char *s, size_t n);

static const unsigned char *bytes_of (const char *s) {
  return (const unsigned char *)s;
}


int rnl_utf8_decode (const char *s, size_t n, int32_t *code) {
  int32_t c;
  int len = rnli_utf8_scan(bytes_of(s), n, &c);
  if (len < 0) return 0;
  *code = c;
  return len;
}


int rnl_utf8_encode (int32_t code, char buf[4]) {
  return rnli_is_scalar(code) ? rnli_utf8_put(code, buf) : 0;
}


static size_t line_of (const char *s, size_t n) {
  size_t line = 1;
  const char *end = s + n;
  while (s < end && (s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
    line++;
    s++;
  }
  return line;
}


size_t rnl_utf8_check (const char *s, size_t n, size_t *line) {
  size_t i = 0;
  while (i < n) {
    int32_t code;
    i += rnli_ascii_run(bytes_of(s + i), n - i);
    if (i == n) break;
    int len = rnli_utf8_scan(bytes_of(s + i), n - i, &code);
    if (len < 0) break;
    i += (size_t)len;
  }
  if (line) *line = line_of(s, i);
  return i;
}


size_t rnl_utf8_tail (const char *s, size_t n) {
  for (size_t k = 1; k <= 3 && k <= n; k++) {
    unsigned c = bytes_of(s)[n - k];
    int32_t code;
    if (c < 0x80) return 0;
    if (c < 0xC0) continue;   /* the first byte comes before */
    size_t len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    int got = rnli_utf8_scan(bytes_of(s + n - k), k, &code);
    return k < len && c >= 0xC2 && c <= 0xF4 && got == -(int)k ? k : 0;
  }
  return 0;
}
