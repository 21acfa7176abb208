/*
** json.c - reading JSON. One look at the text tells how many values and bytes
** of strings there can be; they get one block, which is filled by recursive
** descent. Keys given twice are found in the end, by sorting those of each
** object: no choice of keys makes that slow.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "io/json.h"

typedef struct Reader {
  rnl_Context *ctx;
  const char *what;
  const char *s;            /* the text */
  size_t n, at;
  rnli_Json *node;
  size_t used, most;        /* nodes */
  char *text;               /* where the next string goes */
  uint32_t widest;          /* members of the largest object */
} Reader;


static int refuse (Reader *r, size_t at, const char *reason) {
  return rnli_error(r->ctx, RNL_EFORMAT, "%.380s: %s at byte %zu", r->what,
                    reason, at);
}


/* The text cannot go on with the byte that it has here. */
static int unexpected (Reader *r) {
  char reason[40];
  if (r->at == r->n) return refuse(r, r->at, "text ends too early");
  unsigned char c = (unsigned char)r->s[r->at];
  snprintf(reason, sizeof reason, c > 0x20 && c < 0x7f ? "unexpected '%c'"
           : "unexpected byte 0x%02x", c);
  return refuse(r, r->at, reason);
}


/* The byte here, or 0 at the end; NUL has no place in JSON either. */
static char peek (const Reader *r) {
  return r->at < r->n ? r->s[r->at] : '\0';
}


/* The byte behind white space. */
static char skip (Reader *r) {
  char c = peek(r);
  while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
    r->at++;
    c = peek(r);
  }
  return c;
}


/* Takes the next byte if it is 'c'. */
static int take (Reader *r, char c) {
  if (peek(r) != c) return 0;
  r->at++;
  return 1;
}

/* {== Numbers, words ===================================================== */

/* At least one digit. */
static int skip_digits (Reader *r) {
  size_t from = r->at;
  while (peek(r) >= '0' && peek(r) <= '9') r->at++;
  return r->at > from ? RNL_OK : unexpected(r);
}


/* Is the text of an integer one that fits? */
static int read_integer (const char *s, size_t n, int64_t *out) {
  size_t i = *s == '-';
  uint64_t most = INT64_MAX + (uint64_t)i, x = 0;
  for (; i < n; i++) {
    unsigned digit = (unsigned)(s[i] - '0');
    if (x > (most - digit) / 10) return 0;
    x = 10 * x + digit;
  }
  *out = *s == '-' ? (int64_t)(0 - x) : (int64_t)x;
  return x > 0 || *s != '-';
}


static int read_number (Reader *r, rnli_Json *v) {
  size_t from = r->at;
  int status = RNL_OK, whole = 1;
  take(r, '-');
  if (!take(r, '0')) status = skip_digits(r);
  if (status == RNL_OK && take(r, '.')) {
    whole = 0;
    status = skip_digits(r);
  }
  if (status == RNL_OK && (take(r, 'e') || take(r, 'E'))) {
    whole = 0;
    if (!take(r, '-')) take(r, '+');
    status = skip_digits(r);
  }
  if (status != RNL_OK) return status;
  v->kind = RNLI_INT;
  if (whole && read_integer(r->s + from, r->at - from, &v->i)) return RNL_OK;
  v->kind = RNLI_DOUBLE;
  v->x = rnli_decimal(r->s + from, r->at - from);
  return isinf(v->x) ? refuse(r, from, "number out of range") : RNL_OK;
}


static int read_word (Reader *r, const char *word) {
  for (; *word; word++)
    if (!take(r, *word)) return unexpected(r);
  return RNL_OK;
}


static int read_bool (Reader *r, rnli_Json *v) {
  v->kind = RNLI_BOOL;
  v->i = peek(r) == 't';
  return read_word(r, v->i ? "true" : "false");
}

/* }====================================================================== */

/* {== Strings ============================================================ */

/* The number that four digits stand for, or -1. */
static int32_t read_hex (const Reader *r, size_t at) {
  static const char hex[] = "0123456789abcdef0123456789ABCDEF";
  int32_t x = 0;
  if (r->n - at < 4) return -1;
  for (size_t i = at; i < at + 4; i++) {
    const char *digit = r->s[i] ? strchr(hex, r->s[i]) : NULL;
    if (!digit) return -1;
    x = x << 4 | (int32_t)((digit - hex) & 15);
  }
  return x;
}


/* "uXXXX", or two of them for what lies beyond U+FFFF. */
static int read_unicode (Reader *r, char **to) {
  size_t from = r->at - 1;
  int32_t code = read_hex(r, r->at + 1);
  if (code < 0) return refuse(r, from, "bad escape");
  if (code == 0) return refuse(r, from, "NUL in a string");
  r->at += 5;
  if (code >> 10 == 0xD800 >> 10 && r->n - r->at >= 6 &&
      memcmp(r->s + r->at, "\\u", 2) == 0) {
    int32_t low = read_hex(r, r->at + 2);
    if (low >> 10 == 0xDC00 >> 10) {
      code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
      r->at += 6;
    }
  }
  int n = rnl_utf8_encode(code, *to);
  *to += n;
  return n ? RNL_OK : refuse(r, from, "half a surrogate pair");
}


/* What stands behind a backslash. */
static int read_escape (Reader *r, char **to) {
  static const char name[] = "\"\\/bfnrt", stands[] = "\"\\/\b\f\n\r\t";
  char c = peek(r);
  const char *at = c ? strchr(name, c) : NULL;
  if (c == 'u') return read_unicode(r, to);
  if (!at) return refuse(r, r->at - 1, "bad escape");
  *(*to)++ = stands[at - name];
  r->at++;
  return RNL_OK;
}


static int read_string (Reader *r, const char **s, uint32_t *n) {
  size_t from = r->at++;
  char *to = r->text;
  while (!take(r, '"')) {
    int status = RNL_OK;
    if (r->at == r->n) return refuse(r, from, "string without an end");
    if ((unsigned char)r->s[r->at] < 0x20)
      return refuse(r, r->at, "control character in a string");
    if (take(r, '\\')) status = read_escape(r, &to);
    else *to++ = r->s[r->at++];
    if (status != RNL_OK) return status;
  }
  *to = '\0';
  *s = r->text;
  *n = (uint32_t)(to - r->text);
  r->text = to + 1;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Values ============================================================= */

static int read_value (Reader *r, int depth, rnli_Json **out);


static int read_key (Reader *r, const char **key) {
  uint32_t n;
  if (skip(r) != '"') return unexpected(r);
  int status = read_string(r, key, &n);
  if (status != RNL_OK) return status;
  skip(r);
  return take(r, ':') ? RNL_OK : unexpected(r);
}


static int read_members (Reader *r, int depth, rnli_Json *v) {
  int object = v->kind == RNLI_OBJECT;
  char end = object ? '}' : ']';
  const rnli_Json **last = &v->first;
  r->at++;
  if (skip(r) == end) {
    r->at++;
    return RNL_OK;
  }
  do {
    const char *key = NULL;
    rnli_Json *member;
    int status = object ? read_key(r, &key) : RNL_OK;
    if (status == RNL_OK) status = read_value(r, depth, &member);
    if (status != RNL_OK) return status;
    member->key = key;
    *last = member;
    last = &member->next;
    v->n++;
    skip(r);
  } while (take(r, ','));
  if (object && v->n > r->widest) r->widest = v->n;
  return take(r, end) ? RNL_OK : unexpected(r);
}


static int read_value (Reader *r, int depth, rnli_Json **out) {
  char c = skip(r);
  if (depth == RNLI_JSON_DEPTH) return refuse(r, r->at, "too deep a value");
  if (r->used == r->most) return refuse(r, r->at, "too many values");
  rnli_Json *v = *out = &r->node[r->used++];
  *v = (rnli_Json){.kind = RNLI_NULL};
  switch (c) {
    case '{':
      v->kind = RNLI_OBJECT;
      return read_members(r, depth + 1, v);
    case '[':
      v->kind = RNLI_LIST;
      return read_members(r, depth + 1, v);
    case '"':
      v->kind = RNLI_STRING;
      return read_string(r, &v->s, &v->n);
    case 't': case 'f': return read_bool(r, v);
    case 'n': return read_word(r, "null");
    default: return read_number(r, v);
  }
}


static int read_text (Reader *r, rnli_Json **root) {
  int status = read_value(r, 0, root);
  if (status != RNL_OK) return status;
  skip(r);
  return r->at == r->n ? RNL_OK : unexpected(r);
}

/* }====================================================================== */

/* {== Keys given twice =================================================== */

static int by_key (const void *a, const void *b) {
  const rnli_Json *const *x = a, *const *y = b;
  return strcmp((*x)->key, (*y)->key);
}


/* 'member' has room for those of any object. */
static int check_object (Reader *r, const rnli_Json *object,
                         const rnli_Json **member) {
  size_t n = 0;
  for (const rnli_Json *m = object->first; m; m = m->next) member[n++] = m;
  qsort(member, n, sizeof *member, by_key);
  for (size_t i = 1; i < n; i++)
    if (strcmp(member[i - 1]->key, member[i]->key) == 0)
      return rnli_error(r->ctx, RNL_EFORMAT, "%.380s: duplicate key '%s'",
                        r->what, rnli_brief(member[i]->key).text);
  return RNL_OK;
}


static int check_keys (Reader *r) {
  size_t bytes = r->widest * sizeof(rnli_Json *);
  if (r->widest < 2) return RNL_OK;
  const rnli_Json **member = rnli_get(r->ctx, bytes);
  if (!member) return rnli_nomem(r->ctx, r->what, bytes);
  int status = RNL_OK;
  for (size_t i = 0; i < r->used && status == RNL_OK; i++)
    if (r->node[i].kind == RNLI_OBJECT && r->node[i].n > 1)
      status = check_object(r, &r->node[i], member);
  rnli_put(r->ctx, member);
  return status;
}

/* }====================================================================== */

/*
** Gets the block: a value is the first, or stands behind a comma or an opening
** bracket; the quote that ends a string leaves room for its NUL.
*/
static int make_room (Reader *r, size_t most) {
  size_t values = 1, chars = 0, quoted = 0;
  for (size_t i = 0; i < r->n; i++) {
    char c = r->s[i];
    chars += quoted;
    if (c == '"') quoted = !quoted;
    else if (!quoted) values += c == ',' || c == '[' || c == '{';
    else if (c == '\\' && ++i < r->n) chars++;
  }
  r->most = values < most ? values : most;
  size_t bytes = rnli_add(rnli_mul(r->most, sizeof *r->node), chars);
  r->node = rnli_get(r->ctx, bytes);
  if (!r->node) return rnli_nomem(r->ctx, r->what, bytes);
  r->text = (char *)(r->node + r->most);
  return RNL_OK;
}


int rnli_json_read (rnl_Context *ctx, const char *what, const char *s,
                    size_t n, size_t most, rnli_Json **root) {
  Reader r = {.ctx = ctx, .what = what, .s = s, .n = n};
  *root = NULL;
  if (n > UINT32_MAX)
    return rnli_error(ctx, RNL_EFORMAT, "%.380s: is longer than 4 GiB", what);
  size_t good = rnl_utf8_check(s, n, NULL);
  if (good < n) return refuse(&r, good, "is not UTF-8");
  int status = make_room(&r, most);
  if (status != RNL_OK) return status;
  status = read_text(&r, root);
  if (status == RNL_OK) status = check_keys(&r);
  if (status == RNL_OK) return RNL_OK;
  rnli_put(ctx, r.node);
  *root = NULL;
  return status;
}


const rnli_Json *rnli_json_get (const rnli_Json *v, const char *key) {
  const rnli_Json *m = v && v->kind == RNLI_OBJECT ? v->first : NULL;
  while (m && strcmp(m->key, key) != 0) m = m->next;
  return m;
}
