/*
** unicode.c - a program of the build: writes the tables that infer/unicode.c
** has, as C, to standard output. It asks text/unicode.c, so that both agree.
**
** Properties are a table of four steps, each of which has every block once.
** What a code point is taken apart into is an entry, sorted by code and form:
** the one code point that it is, or where in a pool of UTF-8 its parts are. An
** entry is left out where that of RNL_NFC, its parts taken apart in turn, says
** the same.
*/
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

enum {
  NCODE = RNLI_MAX_CODE + 1,
  MAX_RECORDS = 256, MAX_ENTRIES = 1 << 16, MAX_POOL = 1 << 15,
  MAX_PAIRS = 1 << 12, FORMS = 3, WIDTH = 12
};

typedef struct Parts {
  int32_t code;
  rnl_Normal form;
  int n;
  int32_t part[RNLI_MAX_PARTS];
} Parts;

typedef struct Pair {
  int32_t starter, code, made;
} Pair;

static struct {
  uint16_t of[NCODE];            /* a record; then a block; ... */
  uint32_t record[MAX_RECORDS];
  unsigned nrecords;
  Parts entry[MAX_ENTRIES];
  unsigned nentries;
  char pool[MAX_POOL];
  size_t npool;
  Pair pair[MAX_PAIRS];
  unsigned npairs;
} tables;


static int fail (const char *what) {
  fprintf(stderr, "the tables of Unicode: too many %s\n", what);
  return 1;
}


/* A list of numbers, 'value' of each i. */
static void put_list (const char *type, const char *name, size_t n,
                      uint32_t (*value) (size_t i)) {
  printf("static const %s %s[%zu] = {", type, name, n);
  for (size_t i = 0; i < n; i++)
    printf("%s%" PRIu32 ",", i % WIDTH ? " " : "\n  ", value(i));
  printf("\n};\n\n");
}

/* {== Properties ========================================================= */

static int find_records (void) {
  for (int32_t c = 0; c < NCODE; c++) {
    uint32_t r = (uint32_t)rnli_code_kind(c) << 16 |
                 (uint32_t)rnli_code_break(c) << 8 |
                 (uint32_t)rnli_code_order(c);
    unsigned i = 0;
    while (i < tables.nrecords && tables.record[i] != r) i++;
    if (i == MAX_RECORDS) return fail("records");
    if (i == tables.nrecords) tables.record[tables.nrecords++] = r;
    tables.of[c] = (uint16_t)i;
  }
  return 0;
}


static void put_records (void) {
  printf("static const Record records[%u] = {\n", tables.nrecords);
  for (unsigned i = 0; i < tables.nrecords; i++)
    printf("  {%u, %u, %u},\n", (unsigned)(tables.record[i] >> 16),
           (unsigned)(tables.record[i] >> 8 & 255),
           (unsigned)(tables.record[i] & 255));
  printf("};\n\n");
}


static uint32_t value_of (size_t i) {
  return tables.of[i];
}


/*
** One step: writes the different blocks of 'width' numbers of the first 'n', of
** which then are the numbers of their blocks. Returns how many these are.
*/
static size_t put_step (const char *type, const char *name, size_t n,
                        size_t width) {
  static uint16_t index[NCODE];
  size_t blocks = 0, bytes = width * sizeof *tables.of;
  for (size_t i = 0; i < n; i += width) {
    size_t k = 0;
    while (k < blocks && memcmp(tables.of + k * width, tables.of + i, bytes))
      k++;
    if (k == blocks)
      memmove(tables.of + blocks++ * width, tables.of + i, bytes);
    index[i / width] = (uint16_t)k;
  }
  put_list(type, name, blocks * width, value_of);
  memcpy(tables.of, index, n / width * sizeof *index);
  return n / width;
}


static void put_properties (void) {
  put_records();
  size_t n = put_step("uint8_t", "leaf", NCODE, 16);
  n = put_step("uint16_t", "lower", n, 16);
  n = put_step("uint8_t", "upper", n, 32);
  put_list("uint8_t", "top", n, value_of);
}

/* }====================================================================== */

/* {== Parts ============================================================== */

/* Does it follow from what NFC says? */
static int follows (int32_t code, const Parts *p) {
  int32_t first[RNLI_MAX_PARTS], made[RNLI_MAX_PARTS * RNLI_MAX_PARTS];
  int n = rnli_code_parts(code, RNL_NFC, first), m = 0;
  if (p->form == RNL_NFC || (n == 1 && first[0] == code)) return 0;
  for (int i = 0; i < n; i++)
    m += rnli_code_parts(first[i], p->form, made + m);
  return m == p->n && memcmp(made, p->part, (size_t)m * sizeof *made) == 0;
}


static int find_entries (void) {
  for (int32_t c = 0; c < NCODE; c++)
    for (int form = 0; form < FORMS; form++) {
      Parts *p = &tables.entry[tables.nentries];
      if (!rnli_is_scalar(c) || rnli_is_syllable(c)) continue;
      p->code = c;
      p->form = (rnl_Normal)form;
      p->n = rnli_code_parts(c, p->form, p->part);
      if ((p->n == 1 && p->part[0] == c) || follows(c, p)) continue;
      if (++tables.nentries == MAX_ENTRIES) return fail("parts");
    }
  return 0;
}


static size_t text_of (const Parts *p, char text[4 * RNLI_MAX_PARTS]) {
  size_t n = 0;
  for (int i = 0; i < p->n; i++)
    n += (size_t)rnli_utf8_put(p->part[i], text + n);
  return n;
}


/* Where a text is in the pool, or its end. */
static size_t place_of (const char *text, size_t n) {
  size_t at = 0;
  while (at + n <= tables.npool && memcmp(tables.pool + at, text, n)) at++;
  return at + n <= tables.npool ? at : tables.npool;
}


/* The longest first: shorter ones are found in them. */
static int fill_pool (void) {
  char text[4 * RNLI_MAX_PARTS];
  for (size_t length = sizeof text; length > 0; length--)
    for (unsigned i = 0; i < tables.nentries; i++) {
      size_t n = text_of(&tables.entry[i], text);
      if (tables.entry[i].n == 1 || n != length) continue;
      size_t at = place_of(text, n);
      if (at < tables.npool) continue;
      if (at + n > MAX_POOL || n > 63) return fail("parts");
      memcpy(tables.pool + at, text, n);
      tables.npool += n;
    }
  return 0;
}


static uint32_t entry_of (size_t i) {
  char text[4 * RNLI_MAX_PARTS];
  const Parts *p = &tables.entry[i];
  uint32_t key = (uint32_t)(p->code & 255) << 24 | (uint32_t)p->form << 22;
  if (p->n == 1) return key | 1u << 21 | (uint32_t)p->part[0];
  size_t n = text_of(p, text);
  return key | (uint32_t)(place_of(text, n) << 6 | n);
}


static uint32_t byte_of (size_t i) {
  return (unsigned char)tables.pool[i];
}


static uint32_t page_of (size_t i) {
  unsigned k = 0;
  while (k < tables.nentries && tables.entry[k].code < (int32_t)i << 8) k++;
  return k;
}


static void put_parts (void) {
  size_t last = (size_t)tables.entry[tables.nentries - 1].code >> 8;
  put_list("uint32_t", "entries", tables.nentries, entry_of);
  put_list("uint16_t", "pages", last + 2, page_of);
  put_list("uint8_t", "pool", tables.npool, byte_of);
}

/* }====================================================================== */

/* {== Pairs ============================================================== */

static int by_codes (const void *a, const void *b) {
  const Pair *x = a, *y = b;
  if (x->starter != y->starter) return x->starter < y->starter ? -1 : 1;
  return (x->code > y->code) - (x->code < y->code);
}


/* A composite is what all of its parts but one make, and that one. */
static int find_pairs (void) {
  for (unsigned i = 0; i < tables.nentries; i++) {
    const Parts *p = &tables.entry[i];
    int32_t made = p->part[0], before = -1;
    if (p->form != RNL_NFC) continue;
    for (int k = 1; k < p->n && made >= 0; k++) {
      before = made;
      made = rnli_code_joined(made, p->part[k]);
    }
    if (before < 0 || made != p->code) continue;
    if (before >> 16 != made >> 16) return fail("planes of a composite");
    if (tables.npairs == MAX_PAIRS) return fail("composites");
    tables.pair[tables.npairs++] = (Pair){before, p->part[p->n - 1], made};
  }
  qsort(tables.pair, tables.npairs, sizeof *tables.pair, by_codes);
  return 0;
}


/* All three are of one plane, 0 or 1. */
static void put_pairs (void) {
  unsigned of_plane_0 = 0;
  printf("static const Pair pairs[%u] = {\n", tables.npairs);
  for (unsigned i = 0; i < tables.npairs; i++) {
    const Pair *p = &tables.pair[i];
    of_plane_0 += p->made < 0x10000;
    printf("  {%u, %u, %u},\n", (unsigned)p->starter & 0xFFFF,
           (unsigned)p->code & 0xFFFF, (unsigned)p->made & 0xFFFF);
  }
  printf("};\n\nenum { OF_PLANE_0 = %u };\n", of_plane_0);
}

/* }====================================================================== */

int main (void) {
  if (find_records() || find_entries() || fill_pool() || find_pairs())
    return 1;
  printf("/* Made by src/infer/tables/unicode.c. */\n\n");
  put_properties();
  put_parts();
  put_pairs();
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
