/*
** unicode.c - what is known of each code point, from tables that the build
** makes (infer/tables/unicode.c): for programs without utf8proc.
**
** The tables are small rather than fast, and are read where they lie. There are
** two kinds of them:
** - fields of a fixed number of bits, the lowest first (bits_at): 'rows',
**   'slots', 'chains';
** - the 'stream' of half bytes, low before high, that make numbers: the first
**   one of a number, its lead, says how many there are (number). Small numbers
**   are short ones. A distance is a number with a sign in its lowest bit.
**
** Whatever is looked up begins in an index (format.h): rows of a code and a
** place, both ascending. A row is about the codes from its own on, up to the
** next row; the last row is above all codes and only ends the one before it.
** The place is where the stream goes on about them:
**
** PROPERTIES  Runs of codes with the same record: a half byte for the rank of
**             the record and the codes of the run - 1, and a number for each of
**             them that is not below COMMON, SHORT. The record with most runs
**             has rank 0. Syllables of Hangul are not asked for.
** IN_NFC ...  Runs of codes with parts in that form: shape and GAP bit; if that
**             is set, the codes before them that have none, - 1; the codes of
**             the run - 1; then parts.
**             SLIDE: every code has one part, and they ascend with the codes;
**             the distance of the first is there. STEPS: the same of every
**             second code. STRINGS and above: each code has a string of so many
**             parts, a distance for each; the last shape has LONGEST + 1 and a
**             number more, which is said before the codes of the run.
**             A distance is from the part in the same place of the string
**             before or, if that was shorter, from the part before; the first
**             one of a row, from its code.
** STARTERS    Lists of codes, sorted: every LISTED have a row for the first of
** MARKS       them, and how far the next one is, a number, for all others.
** COMPOSITES  Ranges of codes. Here a place is the slot of the code of the row,
**             and each code after it has the next slot.
**
** A composite is a starter and a mark, by their numbers in their lists. Its
** slot says the mark, and the next slot with the same starter; the last slot of
** a starter says NSLOTS + the starter instead. The chain of starter k begins
** with slot chains[k]. A code in a range that is no composite has a slot with
** mark NMARKS. So composites are found by code and by parts.
**
** A code without an entry in a form has that in NFC, and what a code is taken
** apart into is taken apart in turn. ASCII and Hangul have no entries.
*/
#include "text/unicode.h"
#include "infer/tables/format.h"
#include "infer/unicode_tables.h"

/* {== Fields and numbers ================================================= */

/* A field of n bits; tables end with three bytes more. */
static uint32_t bits_at (const uint8_t *table, size_t at, unsigned n) {
  const uint8_t *s = table + (at >> 3);
  uint32_t x = s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 |
               (uint32_t)s[3] << 24;
  return x >> (at & 7) & ((1u << n) - 1);
}


static uint32_t half_byte (size_t *at) {
  size_t i = (*at)++;
  return stream[i >> 1] >> (i & 1) * 4 & 15;
}


static uint32_t number (size_t *at) {
  uint32_t lead = half_byte(at), below = 0;
  int n = 0;   /* half bytes after the lead */
  for (; lead >= leads[n + 1]; n++)
    below += (uint32_t)(leads[n + 1] - leads[n]) << 4 * n;
  lead -= leads[n];
  while (n-- > 0) lead = lead << 4 | half_byte(at);
  return below + lead;
}


static int32_t distance (size_t *at) {
  uint32_t x = number(at);
  return x & 1 ? -(int32_t)(x >> 1) - 1 : (int32_t)(x >> 1);
}

/* }====================================================================== */

/* {== Rows =============================================================== */

static int32_t code_of_row (int row) {
  return (int32_t)bits_at(rows, (size_t)row * (CODE_BITS + PLACE_BITS),
                          CODE_BITS);
}


static size_t place_of_row (int row) {
  return bits_at(rows, (size_t)row * (CODE_BITS + PLACE_BITS) + CODE_BITS,
                 PLACE_BITS);
}


/* The last row of an index whose code is not above 'code'; -1: none. */
static int row_of (Index index, int32_t code) {
  int from = first_row[index], to = first_row[index + 1];
  if (code < code_of_row(from)) return -1;
  while (to - from > 1) {
    int mid = (from + to) / 2;
    if (code_of_row(mid) <= code) from = mid;
    else to = mid;
  }
  return from;
}


/* The number of a code in a list, -1 if it is not there. */
static int find_listed (Index list, int32_t code) {
  int row = row_of(list, code);
  if (row < 0) return -1;
  int n = (row - first_row[list]) * LISTED;
  int32_t c = code_of_row(row);
  size_t at = place_of_row(row), end = place_of_row(row + 1);
  for (; c < code && at < end; n++) c += (int32_t)number(&at);
  return c == code ? n : -1;
}


/* The code of a number. */
static int32_t listed (Index list, int n) {
  int row = first_row[list] + n / LISTED;
  int32_t c = code_of_row(row);
  size_t at = place_of_row(row);
  for (int i = n % LISTED; i > 0; i--) c += (int32_t)number(&at);
  return c;
}

/* }====================================================================== */

/* {== Properties ========================================================= */

/* 4 bits of a break, 4 of a kind, 8 of an order. */
static unsigned record_of (int32_t code) {
  int row = row_of(PROPERTIES, code);
  size_t at = place_of_row(row);
  uint32_t left = (uint32_t)(code - code_of_row(row));
  for (;;) {
    uint32_t x = half_byte(&at), rank = x / (SHORT + 1), more = x % (SHORT + 1);
    if (rank == COMMON) rank += number(&at);
    if (more == SHORT) more += number(&at);
    if (left <= more) return records[rank];
    left -= more + 1;
  }
}


rnli_CodeKind rnli_code_kind (int32_t code) {
  if (rnli_is_syllable(code)) return RNLI_KIND_LETTER;
  return (rnli_CodeKind)(record_of(code) >> 4 & 15);
}


rnli_Break rnli_code_break (int32_t code) {
  int32_t part[3];
  switch (rnli_hangul_parts(code, part)) {
    case 2: return RNLI_BREAK_LV;
    case 3: return RNLI_BREAK_LVT;
    default: return (rnli_Break)(record_of(code) & 15);
  }
}


int rnli_code_order (int32_t code) {
  if (code < 0x80 || rnli_is_syllable(code)) return 0;
  return (int)(record_of(code) >> 8);
}

/* }====================================================================== */

/* {== Composites ========================================================= */

static int mark_of (size_t slot) {
  return (int)bits_at(slots, slot * (MARK_BITS + LINK_BITS), MARK_BITS);
}


/* The next slot of the same starter, or NSLOTS + that starter. */
static size_t link_of (size_t slot) {
  return bits_at(slots, slot * (MARK_BITS + LINK_BITS) + MARK_BITS, LINK_BITS);
}


/* The code of a slot: of the last row whose place is not behind it. */
static int32_t code_of (size_t slot) {
  int from = first_row[COMPOSITES], to = first_row[COMPOSITES + 1];
  while (to - from > 1) {
    int mid = (from + to) / 2;
    if (place_of_row(mid) <= slot) from = mid;
    else to = mid;
  }
  return code_of_row(from) + (int32_t)(slot - place_of_row(from));
}


/* The two parts of a composite; how many: 0 if it is none. */
static int halves_of (int32_t code, int32_t part[2]) {
  int row = row_of(COMPOSITES, code);
  if (row < 0) return 0;
  size_t slot = place_of_row(row) + (size_t)(code - code_of_row(row));
  if (slot >= place_of_row(row + 1) || mark_of(slot) == NMARKS) return 0;
  part[1] = listed(MARKS, mark_of(slot));
  while (slot < NSLOTS) slot = link_of(slot);
  part[0] = listed(STARTERS, (int)(slot - NSLOTS));
  return 2;
}


int32_t rnli_code_joined (int32_t starter, int32_t code) {
  int mark = code < 0x80 ? -1 : find_listed(MARKS, code);
  int n = mark < 0 ? -1 : find_listed(STARTERS, starter);
  if (n < 0) return -1;
  size_t slot = bits_at(chains, (size_t)n * SLOT_BITS, SLOT_BITS);
  for (; slot < NSLOTS; slot = link_of(slot))
    if (mark_of(slot) == mark) return code_of(slot);
  return -1;
}

/* }====================================================================== */

/* {== Parts ============================================================== */

typedef struct Run {
  int32_t from, last, step;   /* codes */
  int slides, n;              /* n: parts of each */
} Run;


/* The head of a run, 'from' is the code after the run before. */
static Run run_at (size_t *at, int32_t from) {
  int head = (int)half_byte(at), shape = head & (GAP - 1);
  Run r = {from, 0, shape == STEPS ? 2 : 1, shape < STRINGS, 1};
  if (head & GAP) r.from += (int32_t)number(at) + 1;
  if (!r.slides) r.n = shape - STRINGS + 1;
  if (r.n > LONGEST) r.n += (int)number(at);
  r.last = r.from + (int32_t)number(at) * r.step;
  return r;
}


/* Reads a string of n parts over the one before it, of 'before' parts. */
static void read_string (size_t *at, int32_t *part, int before, int n) {
  for (int i = 0; i < n; i++)
    part[i] = part[i < before ? i : i - 1] + distance(at);
}


/* What a form has for a code; how many parts, 0: nothing. */
static int entry_of (int32_t code, rnl_Normal form,
                     int32_t part[RNLI_MAX_PARTS]) {
  int row = row_of((Index)form, code), before = 1;
  if (row < 0) return 0;
  size_t at = place_of_row(row), end = place_of_row(row + 1);
  int32_t next = part[0] = code_of_row(row);
  while (at < end) {
    Run r = run_at(&at, next);
    int32_t d = (code < r.last ? code : r.last) - r.from;
    if (d < 0) return 0;
    read_string(&at, part, before, r.n);
    if (r.slides) part[0] += d;
    for (int32_t i = 0; i < d && !r.slides; i++)
      read_string(&at, part, r.n, r.n);
    if (code <= r.last) return d % r.step == 0 ? r.n : 0;
    next = r.last + 1;
    before = r.n;
  }
  return 0;
}


/* One step of it; 0: there is none. */
static int take_apart (int32_t code, rnl_Normal form,
                       int32_t part[RNLI_MAX_PARTS]) {
  int n = rnli_hangul_parts(code, part);
  if (n == 0) n = halves_of(code, part);
  if (n == 0) n = entry_of(code, form, part);
  return n > 0 || form == RNL_NFC ? n : entry_of(code, RNL_NFC, part);
}


int rnli_code_parts (int32_t code, rnl_Normal form,
                     int32_t part[RNLI_MAX_PARTS]) {
  int32_t first[RNLI_MAX_PARTS];
  if (code < 0x80) {
    int is_upper = form == RNL_FOLD && code >= 'A' && code <= 'Z';
    part[0] = is_upper ? code - 'A' + 'a' : code;
    return 1;
  }
  int n = take_apart(code, form, first), count = 0;
  part[0] = code;
  if (n == 0) return 1;
  for (int i = 0; i < n; i++)
    count += rnli_code_parts(first[i], form, part + count);
  return count;
}

/* }====================================================================== */
