/*
** vocab.c - the vocabulary of code points: text to ids and back.
**
** Ids 0..K-1 are the code points in ascending order, then, with 'bytes', come
** the 256 byte values. A code point finds its id through a table of two steps,
** index[code / 256] -> page, page[code % 256] -> id or -1. Page 0 is the empty
** one; only pages in use have memory: K code points take at most 4 K + 1 KiB
** for each of the pages they touch, 4.5 MiB beside the list in the worst case.
*/
#include <stdio.h>
#include <string.h>

#include "text/text.h"

enum {
  PAGE = 256,
  NPAGE = (RNLI_MAX_CODE + 1) / PAGE,
  NBYTE = 256
};

/* One block holds the header, then code[k], the pages, index[NPAGE]. */
struct rnl_Vocab {
  rnl_Context *ctx;
  int k;
  int bytes;           /* 256 if there are byte ids, else 0 */
  int32_t *code;
  int32_t *page;
  uint16_t *index;
  int32_t byte[NBYTE]; /* id of a text of one byte, or -1 */
};


static inline int32_t id_of (const rnl_Vocab *v, int32_t code) {
  return v->page[v->index[code / PAGE] * PAGE + code % PAGE];
}

/* {== Making ============================================================= */

/* Pages that 'k' ascending code points touch, the empty one included. */
static size_t count_pages (const int32_t *code, int k) {
  size_t n = 1;
  for (int i = 0; i < k; i++)
    n += i == 0 || code[i] / PAGE != code[i - 1] / PAGE;
  return n;
}


static void fill_pages (rnl_Vocab *v, size_t npage) {
  memset(v->page, 0xFF, npage * PAGE * sizeof *v->page);   /* all -1 */
  memset(v->index, 0, NPAGE * sizeof *v->index);
  unsigned last = 0;
  for (int i = 0; i < v->k; i++) {
    uint16_t *at = &v->index[v->code[i] / PAGE];
    if (*at == 0) *at = (uint16_t)++last;
    v->page[*at * PAGE + v->code[i] % PAGE] = i;
  }
}


static void fill_bytes (rnl_Vocab *v) {
  for (int b = 0; b < NBYTE; b++) {
    v->byte[b] = b < 0x80 ? id_of(v, b) : -1;
    if (v->byte[b] < 0 && v->bytes) v->byte[b] = v->k + b;
  }
}


static int vocab_make (rnl_Context *ctx, const int32_t *code, int k,
                       int bytes, rnl_Vocab **out) {
  size_t npage = count_pages(code, k);
  size_t ncode = (size_t)k;
  size_t size = sizeof(rnl_Vocab) +
                (ncode + npage * PAGE) * sizeof(int32_t) +
                NPAGE * sizeof(uint16_t);
  rnl_Vocab *v = rnli_get(ctx, size);
  if (!v) return rnli_nomem(ctx, "a vocabulary", size);
  v->ctx = ctx;
  v->k = k;
  v->bytes = bytes ? NBYTE : 0;
  v->code = (int32_t *)(void *)(v + 1);
  v->page = v->code + ncode;
  v->index = (uint16_t *)(void *)(v->page + npage * PAGE);
  if (k) memcpy(v->code, code, ncode * sizeof *code);
  fill_pages(v, npage);
  fill_bytes(v);
  rnl_context_retain(ctx);
  *out = v;
  return RNL_OK;
}


int rnl_vocab_new (rnl_Context *ctx, const int32_t *code, int k, int bytes,
                   rnl_Vocab **out) {
  *out = NULL;
  if (k < 0 || k > RNLI_MAX_CODE + 1)
    return rnli_error(ctx, RNL_EFORMAT, "vocabulary: %d code points", k);
  for (int i = 0; i < k; i++) {
    if (!rnli_is_scalar(code[i]))
      return rnli_error(ctx, RNL_EFORMAT, "vocabulary: entry %d, %ld, is no "
                        "code point", i + ctx->base, (long)code[i]);
    if (i > 0 && code[i] <= code[i - 1])
      return rnli_error(ctx, RNL_EFORMAT, "vocabulary: entry %d, U+%04lX, "
                        "must be above the one before, U+%04lX",
                        i + ctx->base, (unsigned long)code[i],
                        (unsigned long)code[i - 1]);
  }
  return vocab_make(ctx, code, k, bytes, out);
}


void rnl_vocab_free (rnl_Vocab *v) {
  if (!v) return;
  rnl_Context *ctx = v->ctx;
  rnli_put(ctx, v);
  rnl_context_release(ctx);
}


int rnl_vocab_size (const rnl_Vocab *v) {
  return v->k + v->bytes;
}


int rnl_vocab_codes (const rnl_Vocab *v) {
  return v->k;
}


const int32_t *rnl_vocab_code (const rnl_Vocab *v) {
  return v->code;
}


rnl_Context *rnli_vocab_context (const rnl_Vocab *v) {
  return v->ctx;
}


int32_t rnl_vocab_byte (const rnl_Vocab *v, unsigned char byte) {
  return v->byte[byte];
}

/* }====================================================================== */

/* {== What is not in the vocabulary ====================================== */

int32_t rnli_vocab_id (const rnl_Vocab *v, int32_t code) {
  return id_of(v, code);
}


void rnli_unknown_note (rnli_Unknown *u, int32_t what, size_t where) {
  for (int i = 0; i < u->n; i++)
    if (u->what[i] == what) return;
  if (u->n == RNLI_SHOWN) {
    u->more = 1;
    return;
  }
  u->what[u->n] = what;
  u->where[u->n++] = where;
}


/* "'é' (U+00E9)", "U+0007" or "byte 0xFF". */
static void symbol_text (int32_t what, char *buf, size_t size) {
  char s[4];
  if (what < 0) {
    snprintf(buf, size, "byte 0x%02lX", (unsigned long)(-1 - what));
    return;
  }
  unsigned long code = (unsigned long)what;
  int len = rnl_utf8_encode(what, s);
  if (rnli_utf8_visible(what))
    snprintf(buf, size, "'%.*s' (U+%04lX)", len, s, code);
  else
    snprintf(buf, size, "U+%04lX", code);
}


int rnli_unknown_error (rnl_Context *ctx, const rnli_Unknown *u) {
  char text[480];
  size_t n = 0;
  for (int i = 0; i < u->n; i++) {
    char symbol[32], place[32] = "";
    symbol_text(u->what[i], symbol, sizeof symbol);
    if (u->where[i] != SIZE_MAX)
      snprintf(place, sizeof place, " at byte %zu",
               u->where[i] + (size_t)ctx->base);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s",
                          i ? ", " : "", symbol, place);
    if (n >= sizeof text) break;
  }
  return rnli_error(ctx, RNL_EFORMAT, "characters not in the vocabulary: %s%s",
                    text, u->more ? ", ..." : "");
}


static int list_unknown (const rnl_Vocab *v, rnl_Context *ctx,
                         const unsigned char *s, size_t n) {
  rnli_Unknown u = {.n = 0};
  for (size_t i = 0; i < n && !u.more;) {
    int32_t code;
    int len = rnli_utf8_scan(s + i, n - i, &code);
    if (len < 0) rnli_unknown_note(&u, -1 - (int32_t)s[i], i);
    else if (id_of(v, code) < 0) rnli_unknown_note(&u, code, i);
    i += (size_t)(len > 0 ? len : -len);
  }
  return rnli_unknown_error(ctx, &u);
}

/* }====================================================================== */

/* {== Text to ids ======================================================== */

/* Ids that 's' has; 0 in '*known' if some of it may have none. */
static size_t count_ids (const rnl_Vocab *v, const unsigned char *s,
                         size_t n, int *known) {
  size_t count = 0;
  int all = 1;
  for (size_t i = 0; i < n;) {
    int32_t code;
    size_t run = s[i] < 0x80 ? rnli_ascii_run(s + i, n - i) : 0;
    int32_t worst = 0;
    count += run;
    for (size_t end = i + run; i < end; i++) worst |= v->byte[s[i]];
    all &= worst >= 0;
    if (i == n) break;
    int len = rnli_utf8_scan(s + i, n - i, &code);
    int used = len > 0 ? len : -len;
    int found = len > 0 && id_of(v, code) >= 0;
    all &= found;
    count += (size_t)(found ? 1 : used);
    i += (size_t)used;
  }
  *known = all;
  return count;
}


static void write_ids (const rnl_Vocab *v, const unsigned char *s, size_t n,
                       int32_t *id) {
  for (size_t i = 0; i < n;) {
    int32_t code;
    if (s[i] < 0x80) {
      *id++ = v->byte[s[i++]];
      continue;
    }
    int len = rnli_utf8_scan(s + i, n - i, &code);
    int32_t found = len > 0 ? id_of(v, code) : -1;
    if (found >= 0) {
      *id++ = found;
      i += (size_t)len;
      continue;
    }
    size_t end = i + (size_t)(len > 0 ? len : -len);
    while (i < end) *id++ = v->k + s[i++];
  }
}


int rnli_vocab_ids (const rnl_Vocab *v, const char *s, size_t n,
                    rnli_Ids *ids) {
  const unsigned char *p = (const unsigned char *)s;
  int known;
  size_t count = count_ids(v, p, n, &known);
  if (!known && !v->bytes) return list_unknown(v, ids->ctx, p, n);
  int status = rnli_ids_room(ids, count);
  if (status != RNL_OK) return status;
  if (count > 0) write_ids(v, p, n, ids->id + ids->n);
  ids->n += count;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Ids to text ======================================================== */

/* Bytes of an id of the vocabulary, to 'buf'; returns how many. */
static int id_bytes (const rnl_Vocab *v, int32_t id, char buf[4]) {
  if (id < v->k) return rnl_utf8_encode(v->code[id], buf);
  buf[0] = (char)(unsigned char)(id - v->k);
  return 1;
}


int rnli_vocab_text (const rnl_Vocab *v, rnl_Context *ctx, const int32_t *id,
                     size_t n, char **out, size_t *nout) {
  char buf[4];
  size_t size = 0;
  *out = NULL;
  *nout = 0;
  for (size_t i = 0; i < n; i++) {
    int base = ctx->base;
    if (id[i] < 0 || id[i] >= rnl_vocab_size(v))
      return rnli_error(ctx, RNL_EARG, "decode: id %lld at position %zu is "
                        "not in %d..%d", (long long)id[i] + base,
                        i + (size_t)base, base, rnl_vocab_size(v) - 1 + base);
    size += (size_t)id_bytes(v, id[i], buf);
  }
  char *s = rnli_get(ctx, rnli_add(size, 1));
  if (!s) return rnli_nomem(ctx, "text", size);
  char *end = s;
  for (size_t i = 0; i < n; i++) {
    int len = id_bytes(v, id[i], buf);
    memcpy(end, buf, (size_t)len);
    end += len;
  }
  *end = '\0';
  *out = s;
  *nout = size;
  return RNL_OK;
}


int rnl_vocab_decode (const rnl_Vocab *v, const int32_t *id, size_t n,
                      char **out, size_t *nout) {
  return rnli_vocab_text(v, v->ctx, id, n, out, nout);
}

/* }====================================================================== */
