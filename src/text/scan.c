/*
** scan.c - one pass over text that comes in pieces: checksum, what it is made
** of, which code points it has. Where the pieces are cut makes no difference.
**
** Each piece is gone over several times while it is in the cache: checksum,
** line ends, then code points, with a path of its own for ASCII.
*/
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text/text.h"

/* {== Checksum =========================================================== */

enum { LANES = 4, BLOCK = LANES * 8 };

/*
** Four chains of rnli_mix side by side over the 8-byte words of a text, the
** last block filled with zeros; then they and the length become one.
*/
typedef struct Hash {
  uint64_t lane[LANES];
  uint64_t n;                   /* bytes so far */
  unsigned char held[BLOCK];    /* the last n % BLOCK of them */
} Hash;


static void hash_start (Hash *h) {
  h->n = 0;
  for (int i = 0; i < LANES; i++) h->lane[i] = rnli_mix(LANES, (uint64_t)i);
}


static void hash_blocks (Hash *h, const unsigned char *p, size_t blocks) {
  uint64_t word[LANES];
  for (; blocks > 0; blocks--, p += BLOCK) {
    memcpy(word, p, BLOCK);
    for (int i = 0; i < LANES; i++)
      h->lane[i] = rnli_mix(h->lane[i], word[i]);
  }
}


static void hash_feed (Hash *h, const unsigned char *p, size_t n) {
  size_t held = h->n % BLOCK;
  h->n += n;
  if (held) {
    size_t k = n < BLOCK - held ? n : BLOCK - held;
    memcpy(h->held + held, p, k);
    if (held + k < BLOCK) return;
    hash_blocks(h, h->held, 1);
    p += k;
    n -= k;
  }
  hash_blocks(h, p, n / BLOCK);
  if (n % BLOCK) memcpy(h->held, p + n / BLOCK * BLOCK, n % BLOCK);
}


static uint64_t hash_end (Hash *h) {
  size_t held = h->n % BLOCK;
  uint64_t d = h->n;
  if (held) {
    memset(h->held + held, 0, BLOCK - held);
    hash_blocks(h, h->held, 1);
  }
  for (int i = 0; i < LANES; i++) d = rnli_mix(d, h->lane[i]);
  return d;
}

/* }====================================================================== */

/* {== State ============================================================== */

enum {
  NCODE = RNLI_MAX_CODE + 1,
  MARK = 0xFEFF              /* a byte order mark, at the start */
};

struct rnl_Scanner {
  rnl_Context *ctx;
  Hash hash;
  rnl_Scan text;             /* of the text that is being fed */
  uint64_t line;             /* newlines so far, until a byte is bad */
  unsigned char held[4];     /* the start of a character, cut by a piece */
  unsigned nheld;
  int cr;                    /* the last byte was CR */
  uint64_t bytes, digest;    /* of the texts that have ended */
  unsigned char pair[1 << 15];   /* ASCII, two at a time: is it there? */
  uint64_t map[NCODE / 64];  /* is it there? ASCII joins when a text ends */
};


static void start_text (rnl_Scanner *s) {
  hash_start(&s->hash);
  s->text = (rnl_Scan){.bytes = 0};
  s->line = 0;
  s->nheld = 0;
  s->cr = 0;
}


int rnl_scanner_new (rnl_Context *ctx, rnl_Scanner **out) {
  rnl_Scanner *s = rnli_get(ctx, sizeof *s);
  *out = NULL;
  if (!s) return rnli_nomem(ctx, "a scanner", sizeof *s);
  memset(s, 0, sizeof *s);
  s->ctx = ctx;
  start_text(s);
  rnl_context_retain(ctx);
  *out = s;
  return RNL_OK;
}


void rnl_scanner_free (rnl_Scanner *s) {
  if (!s) return;
  rnl_Context *ctx = s->ctx;
  rnli_put(ctx, s);
  rnl_context_release(ctx);
}

/* }====================================================================== */

/* {== Line ends ========================================================== */

/* Newlines of 'p'; sums of bytes, so that they fit into vector lanes. */
RNLI_WIDE
static uint64_t count_lines (const unsigned char *p, size_t n) {
  uint64_t lines = 0;
  while (n > 0) {
    size_t k = n < 192 ? n : 192;
    unsigned char some = 0;
    for (size_t i = 0; i < k; i++)
      some = (unsigned char)(some + (p[i] == '\n'));
    lines += some;
    p += k;
    n -= k;
  }
  return lines;
}


static void count_returns (rnl_Scanner *s, const unsigned char *p, size_t n) {
  const unsigned char *end = p + n;
  if (s->cr) {
    s->text.crlf += *p == '\n';
    s->text.cr += *p != '\n';
  }
  s->cr = end[-1] == '\r';
  end -= s->cr;
  while (p < end && (p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
    p++;
    s->text.crlf += *p == '\n';
    s->text.cr += *p != '\n';
  }
}

/* }====================================================================== */

/* {== Code points ======================================================== */

static void add_code (rnl_Scanner *s, int32_t code) {
  uint64_t bit = (uint64_t)1 << (code & 63);
  if (!(s->map[code >> 6] & bit)) s->map[code >> 6] |= bit;
}


/* Notes ASCII at the start of 'p'; returns how much there is. */
static size_t add_ascii (rnl_Scanner *s, const unsigned char *p, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    memcpy(&word, p + i, sizeof word);
    if (word & 0x8080808080808080u) break;
    for (int k = 0; k < 4; k++) s->pair[word >> 16 * k & 0x7F7F] = 1;
  }
  while (i < n && p[i] < 0x80) add_code(s, p[i++]);
  s->text.codes += i;
  return i;
}


/* A sequence as rnli_utf8_scan saw it, after 'before' bytes of the text. */
static void add_sequence (rnl_Scanner *s, int len, int32_t code,
                          uint64_t before, uint64_t line) {
  rnl_Scan *t = &s->text;
  if (len < 0) {
    if (t->bad == 0) {
      t->bad_at = before;
      t->bad_line = line;
    }
    t->bad += (uint64_t)-len;
  } else if (before == 0 && code == MARK) {
    t->mark = 1;
  } else {
    t->codes++;
    add_code(s, code);
  }
}


/*
** Goes on with the character that the piece before cut; returns how many bytes
** of this one belong to it.
*/
static size_t end_sequence (rnl_Scanner *s, const unsigned char *p, size_t n) {
  unsigned had = s->nheld;
  int32_t code;
  size_t used = 0;
  while (s->nheld < 4 && used < n) s->held[s->nheld++] = p[used++];
  if (used == n && rnl_utf8_tail((char *)s->held, s->nheld) == s->nheld)
    return n;
  int len = rnli_utf8_scan(s->held, s->nheld, &code);
  add_sequence(s, len, code, s->text.bytes - had, s->line + 1);
  s->nheld = 0;
  return (size_t)(len < 0 ? -len : len) - had;
}


static void add_codes (rnl_Scanner *s, const unsigned char *p, size_t n) {
  size_t i = s->nheld ? end_sequence(s, p, n) : 0;
  while (i < n) {
    int32_t code;
    if (p[i] < 0x80) {
      i += add_ascii(s, p + i, n - i);
      continue;
    }
    int len = rnli_utf8_scan(p + i, n - i, &code);
    if (len < 0 && n - i < 4 &&
        rnl_utf8_tail((const char *)p + i, n - i) == n - i) {
      s->nheld = (unsigned)(n - i);
      memcpy(s->held, p + i, n - i);
      return;
    }
    uint64_t line = len < 0 && s->text.bad == 0
                    ? s->line + count_lines(p, i) + 1 : 0;
    add_sequence(s, len, code, s->text.bytes + i, line);
    i += (size_t)(len < 0 ? -len : len);
  }
}

/* }====================================================================== */

void rnl_scanner_feed (rnl_Scanner *s, const char *text, size_t n) {
  const unsigned char *p = (const unsigned char *)text;
  if (n == 0) return;
  hash_feed(&s->hash, p, n);
  count_returns(s, p, n);
  add_codes(s, p, n);
  if (s->text.bad == 0) s->line += count_lines(p, n);
  s->text.bytes += n;
}


void rnl_scanner_now (const rnl_Scanner *s, rnl_Scan *out) {
  *out = s->text;
}


/* Takes the pairs apart: both of their bytes are code points. */
static void add_pairs (rnl_Scanner *s) {
  for (int32_t pair = 0; pair < 1 << 15; pair++) {
    if (!s->pair[pair]) continue;
    add_code(s, pair & 0x7F);
    add_code(s, pair >> 8);
  }
}


void rnl_scanner_end (rnl_Scanner *s, rnl_Scan *out) {
  if (s->nheld)
    add_sequence(s, -(int)s->nheld, 0, s->text.bytes - s->nheld, s->line + 1);
  add_pairs(s);
  s->text.cr += (uint64_t)s->cr;
  s->digest = rnli_mix(s->digest, hash_end(&s->hash));
  s->bytes += s->text.bytes;
  *out = s->text;
  start_text(s);
}


void rnl_scanner_fingerprint (const rnl_Scanner *s,
                              char text[RNL_FINGERPRINT]) {
  snprintf(text, RNL_FINGERPRINT, "%" PRIu64 "-%016" PRIx64, s->bytes,
           s->digest);
}


void rnl_fingerprint (const char *s, size_t n, char text[RNL_FINGERPRINT]) {
  Hash h;
  hash_start(&h);
  hash_feed(&h, (const unsigned char *)s, n);
  snprintf(text, RNL_FINGERPRINT, "%" PRIu64 "-%016" PRIx64, (uint64_t)n,
           rnli_mix(0, hash_end(&h)));
}

/* {== The set of code points ============================================= */

void rnl_scanner_add (rnl_Scanner *s, const int32_t *code, int k) {
  for (int i = 0; i < k; i++)
    if (rnli_is_scalar(code[i])) add_code(s, code[i]);
}


int rnl_scanner_codes (const rnl_Scanner *s, int32_t *code) {
  int k = 0;
  for (int32_t c = 0; c < NCODE; c++) {
    if (s->map[c >> 6] == 0) {
      c |= 63;
    } else if (s->map[c >> 6] >> (c & 63) & 1) {
      if (code) code[k] = c;
      k++;
    }
  }
  return k;
}


int rnli_scanner_has (const rnl_Scanner *s, int32_t code) {
  return (int)(s->map[code >> 6] >> (code & 63) & 1);
}


rnl_Context *rnli_scanner_context (const rnl_Scanner *s) {
  return s->ctx;
}

/* }====================================================================== */
