/*
** unicode.c - a program of the build: writes the tables that infer/unicode.c
** has, and says what they are, as C, to standard output. It asks
** text/unicode.c, so that both agree.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"
#include "infer/tables/format.h"

enum {
  NCODE = RNLI_MAX_CODE + 1,
  MAX_RECORDS = 1 << 10, MAX_RUNS = 1 << 14, MAX_ENTRIES = 1 << 13,
  MAX_PAIRS = 1 << 12, MAX_ROWS = 1 << 12, MAX_STREAM = 1 << 17,
  /* when a row is worth its bits (is_worth): */
  BLOCK = 80,       /* half bytes that it lets skip; */
  WORTH = 1 << 12,  /* these times the codes that it lets skip them; */
  WIDE = 16,        /* codes without an entry that have a row, too */
  /* how codes are put together: */
  MAX_COUNT = 32,   /* strings of a run at most */
  FEW = 3,          /* codes of a slide at least */
  MAX_HOLE = 1,     /* codes in a range of composites that are none, at most */
  WIDTH = 12
};

/* Ends the program if something does not fit. */
static void need (int fits, const char *what) {
  if (fits) return;
  fprintf(stderr, "the tables of Unicode: there is no room for %s\n", what);
  exit(1);
}

/* {== Fields, as C ======================================================= */

typedef struct Bits {
  uint8_t byte[1 << 17];
  size_t n;
} Bits;


/* As many as a number needs. */
static unsigned width_of (uint32_t x) {
  unsigned n = 1;
  while (x >>= 1) n++;
  return n;
}


static void add_bits (Bits *b, uint32_t x, unsigned n) {
  need(n <= MAX_BITS && width_of(x) <= n, "a field of so many bits");
  need(b->n / 8 + 8 < sizeof b->byte, "so many bytes");
  for (unsigned i = 0; i < n; i++, b->n++)
    b->byte[b->n >> 3] |= (uint8_t)((x >> i & 1) << (b->n & 7));
}


/* The bytes, with as many behind as a field of MAX_BITS may touch. */
static void put_bits (const char *name, const Bits *b) {
  size_t n = (b->n + 7) / 8 + 3;
  printf("static const uint8_t %s[%zu] = {", name, n);
  for (size_t i = 0; i < n; i++)
    printf("%s%u,", i % WIDTH ? " " : "\n  ", (unsigned)b->byte[i]);
  printf("\n};\n\n");
}

/* }====================================================================== */

/* {== The stream and its rows ============================================ */

typedef struct Row {
  int32_t code;
  size_t place;
} Row;

static struct {
  uint8_t half[MAX_STREAM];
  size_t n;
  Row row[MAX_ROWS];
  size_t nrows, first[INDEXES + 1];
} stream;


static void add_half (uint32_t x) {
  need(stream.n < MAX_STREAM, "so many numbers");
  stream.half[stream.n++] = (uint8_t)x;
}


static void add_number (uint32_t x) {
  const unsigned most = sizeof leads - 2;
  for (unsigned n = 0; n <= most; n++) {
    uint32_t room = (uint32_t)(leads[n + 1] - leads[n]) << 4 * n;
    if (x < room) {
      add_half(leads[n] + (x >> 4 * n));
      while (n-- > 0) add_half(x >> 4 * n & 15);
      return;
    }
    x -= room;
  }
  need(0, "so large a number");
}


static void add_distance (int32_t x) {
  add_number(x < 0 ? (uint32_t)-(x + 1) << 1 | 1 : (uint32_t)x << 1);
}


static void add_row (int32_t code, size_t place) {
  need(stream.nrows < MAX_ROWS, "so many rows");
  stream.row[stream.nrows++] = (Row){code, place};
}


/* Is a row worth it before so many codes, for what they need not skip? */
static int is_worth (int32_t codes) {
  size_t skipped = stream.n - stream.row[stream.nrows - 1].place;
  return skipped >= BLOCK || skipped * (size_t)codes >= WORTH;
}


static void begin_index (Index index) {
  stream.first[index] = stream.nrows;
}


static void end_index (Index index, size_t place) {
  add_row(NCODE, place);
  stream.first[index + 1] = stream.nrows;
}


static void put_stream (void) {
  static Bits rows, halves;
  unsigned place_bits = width_of((uint32_t)stream.n);
  for (size_t i = 0; i < stream.nrows; i++) {
    add_bits(&rows, (uint32_t)stream.row[i].code, CODE_BITS);
    add_bits(&rows, (uint32_t)stream.row[i].place, place_bits);
  }
  for (size_t i = 0; i < stream.n; i++) add_bits(&halves, stream.half[i], 4);
  printf("enum { PLACE_BITS = %u };\n\n", place_bits);
  printf("static const uint16_t first_row[%d] = {", INDEXES + 1);
  for (int i = 0; i <= INDEXES; i++) printf("%zu, ", stream.first[i]);
  printf("};\n\n");
  put_bits("rows", &rows);
  put_bits("stream", &halves);
}

/* }====================================================================== */

/* {== Properties ========================================================= */

typedef struct Record {
  unsigned bits, runs, rank;
} Record;

typedef struct Run {
  int32_t code, n;
  unsigned record;
} Run;

static Record records[MAX_RECORDS];
static Run runs[MAX_RUNS];
static unsigned nrecords, nruns;


/* Syllables of Hangul have that of the code before, for they are not asked. */
static unsigned record_of (int32_t code) {
  unsigned order = (unsigned)rnli_code_order(code), i = 0;
  unsigned kind = rnli_code_kind(code), break_ = rnli_code_break(code);
  unsigned bits = order << 8 | kind << 4 | break_;
  if (rnli_is_syllable(code)) return runs[nruns - 1].record;
  need(order < 256 && kind < 16 && break_ < 16, "so large a property");
  while (i < nrecords && records[i].bits != bits) i++;
  need(i < MAX_RECORDS, "so many records");
  if (i == nrecords) records[nrecords++].bits = bits;
  return i;
}


static void find_runs (void) {
  for (int32_t c = 0; c < NCODE; c++) {
    unsigned r = record_of(c);
    if (nruns == 0 || runs[nruns - 1].record != r) {
      need(nruns < MAX_RUNS, "so many runs");
      runs[nruns++] = (Run){c, 0, r};
      records[r].runs++;
    }
    runs[nruns - 1].n++;
  }
}


/* The most runs first, and the record that was found first. */
static unsigned rank_of (unsigned r) {
  unsigned rank = 0;
  for (unsigned i = 0; i < nrecords; i++)
    rank += records[i].runs > records[r].runs ||
            (records[i].runs == records[r].runs && i < r);
  return rank;
}


static void add_run (uint32_t rank, uint32_t more) {
  uint32_t r = rank < COMMON ? rank : COMMON, m = more < SHORT ? more : SHORT;
  add_half(r * (SHORT + 1) + m);
  if (r == COMMON) add_number(rank - COMMON);
  if (m == SHORT) add_number(more - SHORT);
}


static void put_records (void) {
  printf("static const uint16_t records[%u] = {", nrecords);
  for (unsigned rank = 0; rank < nrecords; rank++)
    for (unsigned i = 0; i < nrecords; i++)
      if (records[i].rank == rank)
        printf("%s%u,", rank % WIDTH ? " " : "\n  ", records[i].bits);
  printf("\n};\n\n");
}


static void put_properties (void) {
  find_runs();
  for (unsigned i = 0; i < nrecords; i++) records[i].rank = rank_of(i);
  begin_index(PROPERTIES);
  for (unsigned i = 0; i < nruns; i++) {
    if (i == 0 || is_worth(runs[i].n)) add_row(runs[i].code, stream.n);
    add_run(records[runs[i].record].rank, (uint32_t)runs[i].n - 1);
  }
  end_index(PROPERTIES, stream.n);
  put_records();
}

/* }====================================================================== */

/* {== Composites ========================================================= */

typedef struct Pair {
  int32_t made, starter, mark;
  size_t slot;
} Pair;

static Pair pairs[MAX_PAIRS];
static size_t npairs, nslots;
static uint8_t is_composite[NCODE];
static int32_t starters[MAX_PAIRS], marks[MAX_PAIRS];
static size_t nstarters, nmarks;


/* A composite is what all of its parts but one make, and that one. */
static void find_pair (int32_t code) {
  int32_t part[RNLI_MAX_PARTS];
  int n = rnli_code_parts(code, RNL_NFC, part);
  int32_t made = part[0], before = -1;
  for (int k = 1; k < n && made >= 0; k++) {
    before = made;
    made = rnli_code_joined(made, part[k]);
  }
  if (before < 0 || made != code) return;
  need(npairs < MAX_PAIRS, "so many composites");
  pairs[npairs++] = (Pair){code, before, part[n - 1], 0};
  is_composite[code] = 1;
}


static int by_code (const void *a, const void *b) {
  int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}


/* Sorts codes, each once; how many these are. */
static size_t sort_codes (int32_t *code, size_t n) {
  size_t kept = 0;
  qsort(code, n, sizeof *code, by_code);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || code[i] != code[kept - 1]) code[kept++] = code[i];
  return kept;
}


static uint32_t number_of (int32_t code, const int32_t *list, size_t n) {
  const int32_t *at = bsearch(&code, list, n, sizeof *list, by_code);
  return (uint32_t)(at - list);
}


static void find_pairs (void) {
  for (int32_t c = 0; c < NCODE; c++)
    if (rnli_is_scalar(c) && !rnli_is_syllable(c)) find_pair(c);
  for (size_t i = 0; i < npairs; i++) {
    starters[i] = pairs[i].starter;
    marks[i] = pairs[i].mark;
  }
  nstarters = sort_codes(starters, npairs);
  nmarks = sort_codes(marks, npairs);
}


static void add_list (Index index, const int32_t *list, size_t n) {
  begin_index(index);
  for (size_t i = 0; i < n; i++) {
    if (i % LISTED == 0) add_row(list[i], stream.n);
    else add_number((uint32_t)(list[i] - list[i - 1]));
  }
  end_index(index, stream.n);
}


/* Ranges of composites, with small holes. */
static void add_ranges (void) {
  begin_index(COMPOSITES);
  for (size_t i = 0; i < npairs; i++) {
    int32_t hole = i > 0 ? pairs[i].made - pairs[i - 1].made - 1 : NCODE;
    if (hole > MAX_HOLE) add_row(pairs[i].made, nslots);
    else nslots += (size_t)hole;
    pairs[i].slot = nslots++;
  }
  end_index(COMPOSITES, nslots);
}


/* What the slot of a pair says behind the mark. */
static size_t link_of (const Pair *p) {
  for (const Pair *q = p + 1; q < pairs + npairs; q++)
    if (q->starter == p->starter) return q->slot;
  return nslots + number_of(p->starter, starters, nstarters);
}


static void put_slots (void) {
  static Bits slots;
  const Pair *p = pairs;
  unsigned mark_bits = width_of((uint32_t)nmarks);
  unsigned link_bits = width_of((uint32_t)(nslots + nstarters));
  for (size_t i = 0; i < nslots; i++) {
    int is_hole = p->slot != i;
    add_bits(&slots, is_hole ? (uint32_t)nmarks
                             : number_of(p->mark, marks, nmarks), mark_bits);
    add_bits(&slots, is_hole ? 0 : (uint32_t)link_of(p), link_bits);
    p += !is_hole;
  }
  printf("enum { NSLOTS = %zu, NMARKS = %zu, MARK_BITS = %u, LINK_BITS = %u "
         "};\n\n", nslots, nmarks, mark_bits, link_bits);
  put_bits("slots", &slots);
}


/* The first slot of each starter. */
static void put_chains (void) {
  static Bits chains;
  unsigned slot_bits = width_of((uint32_t)nslots);
  for (size_t i = 0; i < nstarters; i++) {
    const Pair *p = pairs;
    while (p->starter != starters[i]) p++;
    add_bits(&chains, (uint32_t)p->slot, slot_bits);
  }
  printf("enum { SLOT_BITS = %u };\n\n", slot_bits);
  put_bits("chains", &chains);
}


static void put_composites (void) {
  add_ranges();
  add_list(STARTERS, starters, nstarters);
  add_list(MARKS, marks, nmarks);
  put_slots();
  put_chains();
}

/* }====================================================================== */

/* {== Parts ============================================================== */

typedef struct Parts {
  int32_t code;
  int n;
  int32_t part[RNLI_MAX_PARTS];
} Parts;

static Parts entries[MAX_ENTRIES];
static size_t nentries;


static int is_same (const Parts *p, const Parts *q) {
  return p->n == q->n &&
         memcmp(p->part, q->part, (size_t)p->n * sizeof *p->part) == 0;
}


static Parts parts_of (int32_t code, rnl_Normal form) {
  Parts p = {.code = code};
  p.n = rnli_code_parts(code, form, p.part);
  return p;
}


/* Are the final parts 'p' those of 'q', taken apart in turn? */
static int is_made_of (const Parts *p, const Parts *q, rnl_Normal form) {
  Parts all = {.code = p->code};
  for (int i = 0; i < q->n; i++) {
    Parts one = parts_of(q->part[i], form);
    if (all.n + one.n > p->n) return 0;
    memcpy(all.part + all.n, one.part, (size_t)one.n * sizeof *one.part);
    all.n += one.n;
  }
  return is_same(p, &all);
}


/* Does it need no entry, because there is none or RNL_NFC says the same? */
static int is_clear (const Parts *p, rnl_Normal form) {
  Parts nfc = parts_of(p->code, RNL_NFC), self = {p->code, 1, {p->code}};
  if (is_same(p, &self)) return 1;
  if (is_same(&nfc, &self)) return 0;
  if (form == RNL_NFC) return is_composite[p->code];
  int follows = is_made_of(p, &nfc, form);
  need(follows || !is_composite[p->code], "a composite with a form of its own");
  return follows;
}


/* Fewer parts that say the same: some of them are joined. */
static Parts shorter (const Parts *p, rnl_Normal form) {
  Parts s = *p;
  for (int i = 0; i + 1 < s.n;) {
    int32_t made = rnli_code_joined(s.part[i], s.part[i + 1]);
    if (made < 0 || made == s.code) {
      i++;
      continue;
    }
    s.part[i] = made;
    s.n--;
    memmove(s.part + i + 1, s.part + i + 2,
            (size_t)(s.n - i - 1) * sizeof *s.part);
  }
  need(is_made_of(p, &s, form), "parts that are not taken apart in turn");
  return s;
}


static void find_entries (rnl_Normal form) {
  nentries = 0;
  for (int32_t c = 0x80; c < NCODE; c++) {
    if (!rnli_is_scalar(c) || rnli_is_syllable(c)) continue;
    Parts p = parts_of(c, form);
    if (is_clear(&p, form)) continue;
    need(nentries < MAX_ENTRIES, "so many parts");
    entries[nentries++] = shorter(&p, form);
  }
}


/* How many entries from 'i' on make one slide, of every step-th code. */
static size_t slide_of (size_t i, int32_t step) {
  const Parts *p = entries + i;
  size_t n = 0;
  for (; i + n < nentries; n++) {
    int32_t d = (int32_t)n * step;
    if (p[n].n != 1 || p[n].code != p->code + d ||
        p[n].part[0] != p->part[0] + d)
      break;
  }
  return n;
}


/* How many codes from 'i' on have as many parts each, up to a slide. */
static size_t strings_of (size_t i) {
  const Parts *p = entries + i;
  size_t n = 1;
  for (; i + n < nentries && n < MAX_COUNT; n++)
    if (p[n].n != p->n || p[n].code != p->code + (int32_t)n ||
        slide_of(i + n, 1) >= FEW || slide_of(i + n, 2) >= FEW)
      break;
  return n;
}


/* The head of a run of n codes; more: parts behind LONGEST + 1, or -1. */
static void add_head (unsigned shape, int more, int32_t gap, size_t n) {
  add_half(shape | (gap > 0 ? (unsigned)GAP : 0));
  if (gap > 0) add_number((uint32_t)gap - 1);
  if (more >= 0) add_number((uint32_t)more);
  add_number((uint32_t)n - 1);
}


/* The parts of 'p' after those of 'last', which they become. */
static void add_string (const Parts *p, Parts *last) {
  for (int i = 0; i < p->n; i++) {
    add_distance(p->part[i] - last->part[i < last->n ? i : i - 1]);
    last->part[i] = p->part[i];
  }
  last->n = p->n;
}


/* A run that begins with entry 'i'; how many it has. */
static size_t add_entries (size_t i, int32_t gap, Parts *last) {
  const Parts *p = entries + i;
  for (int32_t step = 1; step <= 2; step++) {
    size_t n = slide_of(i, step);
    if (n < FEW) continue;
    add_head(step == 1 ? SLIDE : STEPS, -1, gap, n);
    add_string(p, last);
    last->part[0] = p[n - 1].part[0];
    return n;
  }
  size_t n = strings_of(i);
  int more = p->n - LONGEST - 1, parts = more < 0 ? p->n : LONGEST + 1;
  add_head((unsigned)(STRINGS + parts - 1), more, gap, n);
  for (size_t k = 0; k < n; k++) add_string(p + k, last);
  return n;
}


/* Rows before an entry; one for the codes before it that have none. */
static void add_rows (int32_t code, int32_t gap) {
  if (gap >= WIDE) add_row(code - gap, stream.n);
  add_row(code, stream.n);
}


static void add_form (rnl_Normal form) {
  Parts last = {0};
  int32_t next = 0;   /* the code after the run before */
  find_entries(form);
  begin_index((Index)form);
  for (size_t i = 0; i < nentries; next = entries[i - 1].code + 1) {
    int32_t code = entries[i].code, gap = i > 0 ? code - next : 0;
    if (i == 0 || is_worth(gap)) {
      add_rows(code, gap);
      last = (Parts){.n = 1, .part = {code}};
      gap = 0;
    }
    i += add_entries(i, gap, &last);
  }
  end_index((Index)form, stream.n);
}

/* }====================================================================== */

int main (void) {
  printf("/* Made by src/infer/tables/unicode.c. */\n\n");
  find_pairs();
  for (int form = RNL_NFC; form <= RNL_FOLD; form++) add_form((rnl_Normal)form);
  put_properties();
  put_composites();
  put_stream();
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
