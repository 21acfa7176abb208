/*
** unicode.c - what is known of each code point, from tables that the build
** makes (infer/tables/unicode.c): for programs without utf8proc.
*/
#include "text/unicode.h"

/* A kind, a break, an order. */
typedef struct Record {
  uint8_t kind, break_, order;
} Record;

/* Two code points and what they compose to, of one plane: the low 16 bits. */
typedef struct Pair {
  uint16_t starter, code, made;
} Pair;

#include "infer/unicode_tables.h"

static const Record *record_of (int32_t code) {
  unsigned i = top[code >> 13];
  i = upper[i << 5 | (code >> 8 & 31)];
  i = lower[i << 4 | (code >> 4 & 15)];
  return &records[leaf[i << 4 | (code & 15)]];
}


rnli_CodeKind rnli_code_kind (int32_t code) {
  return (rnli_CodeKind)record_of(code)->kind;
}


rnli_Break rnli_code_break (int32_t code) {
  return (rnli_Break)record_of(code)->break_;
}


int rnli_code_order (int32_t code) {
  return record_of(code)->order;
}


/*
** The entry of a code in a form, 0 if it has none. Its bits: 8 of the code, 2
** of the form, then one that says which the 21 last are: a code point, or 15 of
** a place in the pool and 6 of a length.
*/
static uint32_t entry_of (int32_t code, rnl_Normal form) {
  size_t page = (size_t)code >> 8;
  uint32_t key = (uint32_t)(code & 255) << 2 | (uint32_t)form;
  if (page + 1 >= sizeof pages / sizeof *pages) return 0;
  size_t from = pages[page], to = pages[page + 1];
  while (from < to) {
    size_t mid = (from + to) / 2;
    if (entries[mid] >> 22 < key) from = mid + 1;
    else to = mid;
  }
  return from < pages[page + 1] && entries[from] >> 22 == key ? entries[from]
                                                              : 0;
}


/* The code points of an entry; how many. */
static int parts_of (uint32_t entry, int32_t part[RNLI_MAX_PARTS]) {
  if (entry >> 21 & 1) {
    part[0] = (int32_t)(entry & 0x1FFFFF);
    return 1;
  }
  const uint8_t *s = pool + (entry >> 6 & 0x7FFF);
  size_t n = entry & 63;
  int count = 0;
  for (size_t i = 0; i < n; count++)
    i += (size_t)rnli_utf8_scan(s + i, n - i, &part[count]);
  return count;
}


int rnli_code_parts (int32_t code, rnl_Normal form,
                     int32_t part[RNLI_MAX_PARTS]) {
  int32_t first[RNLI_MAX_PARTS];
  uint32_t entry = entry_of(code, form);
  if (entry) return parts_of(entry, part);
  entry = form == RNL_NFC ? 0 : entry_of(code, RNL_NFC);
  if (!entry) {
    part[0] = code;
    return 1;
  }
  int n = parts_of(entry, first), count = 0;
  for (int i = 0; i < n; i++)   /* these have no entry in RNL_NFC */
    count += rnli_code_parts(first[i], form, part + count);
  return count;
}


int32_t rnli_code_joined (int32_t starter, int32_t code) {
  int32_t plane = starter >> 16;
  if (plane > 1 || code >> 16 != plane) return -1;
  int from = plane ? OF_PLANE_0 : 0;
  int to = plane ? (int)(sizeof pairs / sizeof *pairs) : OF_PLANE_0;
  uint32_t key = (uint32_t)starter << 16 | ((uint32_t)code & 0xFFFF);
  while (from < to) {
    int mid = (from + to) / 2;
    uint32_t at = (uint32_t)pairs[mid].starter << 16 | pairs[mid].code;
    if (at == key) return plane << 16 | pairs[mid].made;
    if (at < key) from = mid + 1;
    else to = mid;
  }
  return -1;
}
