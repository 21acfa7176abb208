/*
** unicode.c - what is known of each code point, from tables that the build
** makes (infer/tables/unicode.c): for programs without utf8proc.
**
** The tables are small, not fast: they are read where they lie, and an index
** says where to begin. All indexes are rows of two fields, a code point and a
** place, both ascending; the last row of each is behind all codes. Fields have
** as many bits as the largest one needs, the lowest first.
**
** Most places are in 'stream', half bytes that make numbers: the first one of a
** number, its lead, says how many follow, and the small are the short (number).
** What follows a row is about its code and those after it, up to the next row.
**
** PROPERTIES   Runs of codes that have one record: rank and length - 1, both in
**              one half byte where they are below COMMON and SHORT, with a
**              number for what is above. The record of rank 0 has most runs.
** IN_NFC ...   Runs of codes that have parts in a form: shape and GAP bit, a
**              number of codes left out if that is set, how many codes the run
**              has - 1. SLIDE: all are of one part, as far from their codes as
**              that of the first. STEPS: so is every second code. STRINGS: each
**              code has some parts, and that many numbers.
**                 A number is how far a part is from the one in its place that
**              was read last, or from the part before it if there was no such
**              part; the first after a row, from the code of the row.
** COMPOSITES   Ranges of codes; the place is that of a slot, and each code of
**              the range has one. A slot has a mark, the second part of the
**              composite, and the next slot of a composite with the same first
**              part, its starter; the last of these has the starter instead.
**              Slots of codes that are none have no mark.
** STARTERS     All starters of composites; a number for each how far it is from
** MARKS        the one before it, but for every LISTED, which has a row. So are
**              all marks. The k-th starter begins with slot 'chains'[k].
**
** What has no entry in a form has that in NFC; parts are taken apart in turn.
*/
#include "text/unicode.h"

#include "infer/tables/format.h"
#include "infer/unicode_tables.h"

/* {== Fields and numbers ================================================= */

/* Field 'i', of n bits; the table is three bytes longer than its bits. */
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


/* A number with a sign, that is in its lowest bit. */
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


/* The next slot of a starter; or NSLOTS and more: the starter. */
static size_t link_of (size_t slot) {
  return bits_at(slots, slot * (MARK_BITS + LINK_BITS) + MARK_BITS, LINK_BITS);
}


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

/* Reads one string over the one before it, of 'before' parts. */
static void read_string (size_t *at, int32_t *part, int before, int n) {
  for (int i = 0; i < n; i++)
    part[i] = part[i < before ? i : i - 1] + distance(at);
}


/* What is in a form for a code; how many parts, 0 if nothing is. */
static int entry_of (int32_t code, rnl_Normal form,
                     int32_t part[RNLI_MAX_PARTS]) {
  int row = row_of((Index)form, code), before = 1;
  if (row < 0) return 0;
  int32_t c = code_of_row(row);
  size_t at = place_of_row(row), end = place_of_row(row + 1);
  part[0] = c;
  while (at < end) {
    unsigned head = half_byte(&at), shape = head & (GAP - 1);
    if (head & GAP) c += (int32_t)number(&at) + 1;
    if (code < c) return 0;
    int n = shape < STRINGS ? 1 : (int)shape - STRINGS + 1;
    if (n > LONGEST) n += (int)number(&at);
    int32_t step = shape == STEPS ? 2 : 1;
    int32_t last = c + (int32_t)number(&at) * step;
    if (shape < STRINGS) {
      int32_t d = (code < last ? code : last) - c;
      read_string(&at, part, before, n);
      part[0] += d;
      if (code <= last) return d % step == 0;
    } else {
      for (; c <= last; c++, before = n) {
        read_string(&at, part, before, n);
        if (c == code) return n;
      }
    }
    c = last + 1;
    before = n;
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
