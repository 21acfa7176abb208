/*
** json.c - reading JSON: one pass by recursive descent checks a text; what is
** asked of it later trusts that, and goes through the bytes again. Keys given
** twice are found by sorting those of each object: no choice of keys makes that
** slow.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"

/* The NUL behind the text stops whatever goes on until it meets something. */
typedef struct Reader {
  rnl_Context *ctx;
  const char *what;
  const char *s, *end;      /* the text */
  const char *at;
  size_t left;              /* values that there may still be */
} Reader;


static int refuse (Reader *r, const char *at, const char *reason) {
  return rnli_error(r->ctx, RNL_EFORMAT, "%.380s: %s at byte %zu", r->what,
                    reason, (size_t)(at - r->s));
}


/* The text cannot go on with the byte that it has here. */
static int unexpected (Reader *r) {
  char reason[40];
  if (r->at == r->end) return refuse(r, r->at, "text ends too early");
  unsigned char c = (unsigned char)*r->at;
  snprintf(reason, sizeof reason, c > 0x20 && c < 0x7f ? "unexpected '%c'"
           : "unexpected byte 0x%02x", c);
  return refuse(r, r->at, reason);
}


/* Behind white space. */
static const char *blank (const char *s) {
  while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n') s++;
  return s;
}


/* The byte behind white space. */
static char skip (Reader *r) {
  r->at = blank(r->at);
  return *r->at;
}


/* Takes the next byte if it is 'c'. */
static int take (Reader *r, char c) {
  if (*r->at != c) return 0;
  r->at++;
  return 1;
}

/* {== Sorting ============================================================ */

typedef struct Heap {
  uint32_t *x;
  int (*order) (const void *of, uint32_t a, uint32_t b);
  const void *of;
} Heap;


/*
** Lets x[i] come to its place in a heap of n: down to the end, where most of
** them belong, and up again.
*/
static void sink (const Heap *h, size_t i, size_t n) {
  uint32_t *x = h->x, moved = x[i];
  size_t top = i;
  for (size_t k; (k = 2 * i + 1) < n; i = k) {
    if (k + 1 < n && h->order(h->of, x[k], x[k + 1]) < 0) k++;
    x[i] = x[k];
  }
  for (size_t k; i > top; i = k) {
    k = (i - 1) / 2;
    if (h->order(h->of, x[k], moved) >= 0) break;
    x[i] = x[k];
  }
  x[i] = moved;
}


void rnli_sort (uint32_t *x, size_t n,
                int (*order) (const void *of, uint32_t a, uint32_t b),
                const void *of) {
  const Heap h = {x, order, of};
  size_t sorted = 1;
  while (sorted < n && order(of, x[sorted - 1], x[sorted]) < 0) sorted++;
  if (sorted >= n) return;   /* as in files of our own */
  for (size_t i = n / 2; i-- > 0;) sink(&h, i, n);
  while (n-- > 1) {
    uint32_t last = x[n];
    x[n] = x[0];
    x[0] = last;
    sink(&h, 0, n);
  }
}

/* }====================================================================== */

/* {== Strings ============================================================ */

/* The number that four digits stand for, or -1. */
static int32_t read_hex (const char *s) {
  static const char hex[] = "0123456789abcdef0123456789ABCDEF";
  int32_t x = 0;
  for (int i = 0; i < 4; i++) {
    const char *digit = s[i] ? strchr(hex, s[i]) : NULL;
    if (!digit) return -1;
    x = x << 4 | (int32_t)((digit - hex) & 15);
  }
  return x;
}


/* The code point of an escape, and where it ends; -1: it is none. */
static int32_t escape (const char **at) {
  static const char name[] = "\"\\/bfnrt", stands[] = "\"\\/\b\f\n\r\t";
  const char *s = *at + 2, *found = s[-1] ? strchr(name, s[-1]) : NULL;
  *at = s;
  if (found) return stands[found - name];
  int32_t code = s[-1] == 'u' ? read_hex(s) : -1;
  if (code < 0) return -1;
  *at = s += 4;
  if (code >> 10 != 0xD800 >> 10 || *s != '\\' || s[1] != 'u') return code;
  int32_t low = read_hex(s + 2);
  if (low >> 10 != 0xDC00 >> 10) return code;
  *at = s + 6;
  return 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
}


/* The bytes of a string, one after the other. */
typedef struct Bytes {
  const char *at;
  char held[4];             /* those of an escape, */
  int left;                 /* the last ones of which are still to come */
} Bytes;


static Bytes bytes_of (const rnli_Json *v) {
  return (Bytes){(const char *)v + 1, {0}, 0};
}


/* -1: there is no other. */
static int next_byte (Bytes *b) {
  if (b->left == 0) {
    if (*b->at == '"') return -1;
    if (*b->at != '\\') return (unsigned char)*b->at++;
    char code[4];
    b->left = rnl_utf8_encode(escape(&b->at), code);
    memcpy(b->held + 4 - b->left, code, (size_t)b->left);
  }
  return (unsigned char)b->held[4 - b->left--];
}


static int check_escape (Reader *r) {
  const char *from = r->at;
  int32_t code = escape(&r->at);
  if (code > 0 && code >> 11 != 0xD800 >> 11) return RNL_OK;
  return refuse(r, from, code < 0 ? "bad escape" : code == 0 ?
                "NUL in a string" : "half a surrogate pair");
}


static int read_string (Reader *r) {
  const char *from = r->at++;
  for (;; r->at++) {
    while (*r->at == '\\')
      if (check_escape(r) != RNL_OK) return RNL_EFORMAT;
    if (*r->at == '"') break;
    if (r->at == r->end) return refuse(r, from, "string without an end");
    if ((unsigned char)*r->at < 0x20)
      return refuse(r, r->at, "control character in a string");
  }
  r->at++;
  return RNL_OK;
}


/* How two strings stand to each other. */
static int compare (const rnli_Json *v, const rnli_Json *w) {
  Bytes a = bytes_of(v), b = bytes_of(w);
  int x, y;
  for (; *a.at == *b.at && *a.at != '"' && *a.at != '\\'; a.at++) b.at++;
  do {
    x = next_byte(&a);
    y = next_byte(&b);
  } while (x == y && x >= 0);
  return x - y;
}


size_t rnli_json_text (const rnli_Json *v, char *to, size_t room) {
  Bytes b = bytes_of(v);
  size_t n = 0;
  for (int c; (c = next_byte(&b)) >= 0; n++)
    if (n + 1 < room) to[n] = (char)c;
  to[n < room ? n : room - 1] = '\0';
  return n;
}


int rnli_json_is (const rnli_Json *v, const char *s) {
  if (!v || *(const char *)v != '"') return 0;
  Bytes b = bytes_of(v);
  int c;
  if (*b.at != *s && *b.at != '\\') return *b.at == '"' && *s == '\0';
  while ((c = next_byte(&b)) == (unsigned char)*s && c > 0) s++;
  return c < 0 && *s == '\0';
}


rnli_Brief rnli_json_brief (const rnli_Json *v) {
  char text[2 * sizeof(rnli_Brief)];
  rnli_json_text(v, text, sizeof text);
  return rnli_brief(text);
}

/* }====================================================================== */

/* {== Numbers, words ===================================================== */

/* At least one digit. */
static int skip_digits (Reader *r) {
  const char *from = r->at;
  while (*r->at >= '0' && *r->at <= '9') r->at++;
  return r->at > from ? RNL_OK : unexpected(r);
}


enum { FINITE = 300 };   /* bytes of a number that is no larger for sure */

static int read_number (Reader *r) {
  const char *from = r->at;
  int status = RNL_OK, power = 0;
  take(r, '-');
  if (!take(r, '0')) status = skip_digits(r);
  if (status == RNL_OK && take(r, '.')) status = skip_digits(r);
  if (status == RNL_OK && (take(r, 'e') || take(r, 'E'))) {
    power = 1;
    if (!take(r, '-')) take(r, '+');
    status = skip_digits(r);
  }
  size_t n = (size_t)(r->at - from);
  if (status != RNL_OK || (!power && n < FINITE)) return status;
  return isinf(rnli_decimal(from, n)) ? refuse(r, from, "number out of range")
                                      : RNL_OK;
}


static int read_word (Reader *r, const char *word) {
  for (; *word; word++)
    if (!take(r, *word)) return unexpected(r);
  return RNL_OK;
}

/* }====================================================================== */

/* {== Going through a text that has been checked ========================= */

/* Behind a string. */
static const char *pass_string (const char *s) {
  ptrdiff_t slashes;
  do {
    s = strchr(s + 1, '"');
    for (slashes = 0; s[-1 - slashes] == '\\';) slashes++;
  } while (slashes % 2);
  return s + 1;
}


/* Behind a value. */
static const char *pass (const char *s) {
  size_t depth = 0;
  do {
    if (*s == '"') s = pass_string(s);
    else if (*s == '[' || *s == '{') depth++, s++;
    else if (*s == ']' || *s == '}') depth--, s++;
    else if (depth) s++;
    else while (*s > ' ' && *s != ',' && *s != ']' && *s != '}') s++;
  } while (depth);
  return s;
}


rnli_JsonKind rnli_json_kind (const rnli_Json *v) {
  switch (v ? *(const char *)v : 0) {
    case 0: return RNLI_NONE;
    case 'n': return RNLI_NULL;
    case 't': case 'f': return RNLI_BOOL;
    case '"': return RNLI_STRING;
    case '[': return RNLI_LIST;
    case '{': return RNLI_OBJECT;
    default: return RNLI_NUMBER;
  }
}


const rnli_Json *rnli_json_first (const rnli_Json *v) {
  if (rnli_json_kind(v) < RNLI_LIST) return NULL;
  const char *s = blank((const char *)v + 1);
  return *s == ']' || *s == '}' ? NULL : (const rnli_Json *)s;
}


const rnli_Json *rnli_json_value (const rnli_Json *key) {
  const char *colon = blank(pass((const char *)key));
  return (const rnli_Json *)blank(colon + 1);
}


const rnli_Json *rnli_json_next (const rnli_Json *member) {
  const char *s = blank(pass((const char *)member));
  if (*s == ':') s = blank(pass(blank(s + 1)));   /* it was a key */
  return *s == ',' ? (const rnli_Json *)blank(s + 1) : NULL;
}


size_t rnli_json_count (const rnli_Json *v) {
  size_t n = 0;
  for (const rnli_Json *x = rnli_json_first(v); x; x = rnli_json_next(x)) n++;
  return n;
}


const rnli_Json *rnli_json_get (const rnli_Json *v, const char *key) {
  if (rnli_json_kind(v) != RNLI_OBJECT) return NULL;
  const rnli_Json *x = rnli_json_first(v), *value = NULL;
  for (; x; x = rnli_json_next(value)) {
    value = rnli_json_value(x);
    if (rnli_json_is(x, key)) return value;
  }
  return NULL;
}


int rnli_json_int (const rnli_Json *v, int64_t least, int64_t most,
                   int64_t *out) {
  const char *s = (const char *)v;
  if (rnli_json_kind(v) != RNLI_NUMBER) return 0;
  int minus = *s == '-';
  uint64_t x = 0, limit = INT64_MAX + (uint64_t)minus;
  for (s += minus; *s >= '0' && *s <= '9'; s++) {
    unsigned digit = (unsigned)(*s - '0');
    if (x > (limit - digit) / 10) return 0;
    x = 10 * x + digit;
  }
  int64_t value = minus ? (int64_t)(0 - x) : (int64_t)x;
  if (*s == '.' || *s == 'e' || *s == 'E' || (minus && x == 0) ||
      value < least || value > most)
    return 0;
  *out = value;
  return 1;
}


double rnli_json_number (const rnli_Json *v) {
  const char *s = (const char *)v;
  if (rnli_json_kind(v) != RNLI_NUMBER) return (double)NAN;
  return rnli_decimal(s, (size_t)(pass(s) - s));
}

/* }====================================================================== */

/* {== Keys given twice =================================================== */

enum { FEW = 32 };   /* members of an object that take no memory */

static const rnli_Json *key_at (const void *text, uint32_t at) {
  return (const rnli_Json *)((const char *)text + at);
}


static int by_key (const void *text, uint32_t a, uint32_t b) {
  return compare(key_at(text, a), key_at(text, b));
}


static int check_keys (Reader *r, uint32_t *key, size_t n) {
  rnli_sort(key, n, by_key, r->s);
  for (size_t i = 1; i < n; i++)
    if (by_key(r->s, key[i - 1], key[i]) == 0)
      return rnli_error(r->ctx, RNL_EFORMAT, "%.380s: duplicate key '%s'",
                        r->what, rnli_json_brief(key_at(r->s, key[i])).text);
  return RNL_OK;
}


/* The keys of an object that has just been read, of n > FEW members. */
static int check_many (Reader *r, const char *object, size_t n) {
  uint32_t *key = rnli_get(r->ctx, n * sizeof *key), *to = key;
  if (!key) return rnli_nomem(r->ctx, r->what, n * sizeof *key);
  const rnli_Json *x = rnli_json_first((const rnli_Json *)object);
  for (; x; x = rnli_json_next(x)) *to++ = (uint32_t)((const char *)x - r->s);
  int status = check_keys(r, key, n);
  rnli_put(r->ctx, key);
  return status;
}

/* }====================================================================== */

/* {== Values ============================================================= */

static int read_value (Reader *r, int depth);


static int read_key (Reader *r) {
  if (*r->at != '"') return unexpected(r);
  int status = read_string(r);
  if (status != RNL_OK) return status;
  skip(r);
  return take(r, ':') ? RNL_OK : unexpected(r);
}


static int read_members (Reader *r, int depth, char end) {
  const char *from = r->at++;
  int object = end == '}';
  uint32_t key[FEW];
  size_t n = 0;
  if (skip(r) == end) {
    r->at++;
    return RNL_OK;
  }
  do {
    skip(r);
    if (n < FEW) key[n] = (uint32_t)(r->at - r->s);
    int status = object ? read_key(r) : RNL_OK;
    if (status == RNL_OK) status = read_value(r, depth);
    if (status != RNL_OK) return status;
    n++;
    skip(r);
  } while (take(r, ','));
  if (!take(r, end)) return unexpected(r);
  if (!object) return RNL_OK;
  return n > FEW ? check_many(r, from, n) : check_keys(r, key, n);
}


static int read_value (Reader *r, int depth) {
  char c = skip(r);
  if (depth == RNLI_JSON_DEPTH) return refuse(r, r->at, "too deep a value");
  if (r->left-- == 0) return refuse(r, r->at, "too many values");
  switch (c) {
    case '{': return read_members(r, depth + 1, '}');
    case '[': return read_members(r, depth + 1, ']');
    case '"': return read_string(r);
    case 't': return read_word(r, "true");
    case 'f': return read_word(r, "false");
    case 'n': return read_word(r, "null");
    default: return read_number(r);
  }
}

/* }====================================================================== */


int rnli_json_read (rnl_Context *ctx, const char *what, const char *s,
                    size_t n, size_t most, const rnli_Json **root) {
  Reader r = {ctx, what, s, s + n, s, most};
  *root = NULL;
  if (n > UINT32_MAX)
    return rnli_error(ctx, RNL_EFORMAT, "%.380s: is longer than 4 GiB", what);
  size_t good = rnl_utf8_check(s, n, NULL);
  if (good < n) return refuse(&r, s + good, "is not UTF-8");
  int status = read_value(&r, 0);
  if (status != RNL_OK) return status;
  skip(&r);
  if (r.at < r.end) return unexpected(&r);
  *root = (const rnli_Json *)blank(s);
  return RNL_OK;
}
