/*
** cut.c - cutting text into the words of dictionaries.
**
** The places where units of the text begin and end are the nodes of a graph,
** its words the edges. A path is better if its user words have more characters,
** then if they are fewer, then if the sum of log P(word) is larger; the best
** one is found exactly, by dynamic programming from left to right. A word of
** the dictionary has the probability frequency / total, a new one that of
** spell.c, a unit which is no word that of half an occurrence.
**
** Text is worked on in blocks of code points, cut where no word reaches
** across; a block without such a place grows. So memory is that of the result,
** and time is linear: an edge has at most RNL_MAX_ENTRY code points, a unit
** MAX_UNIT.
*/
#include <math.h>
#include <string.h>

#include "text/dict.h"

enum {
  BLOCK = 1 << 14,      /* code points */
  MAX_UNIT = 1 << 12    /* and of a unit; more than RNL_MAX_ENTRY */
};

static const double HALF = 0.5;   /* an occurrence */

enum { SPACE, IDEOGRAPH, LETTER, DIGIT, MARK, OTHER };

typedef struct Point {
  size_t at;             /* bytes of the text before it */
  int32_t code;          /* -1: bytes that are no UTF-8 */
  unsigned char class;
  unsigned char begins;  /* a unit */
} Point;

/* The best path to a point that begins a unit. */
typedef struct Best {
  double logp;
  int32_t chars, words;  /* of the user */
  int32_t from;          /* the point before; when cut, the one after */
  rnl_CutKind kind;      /* of the last edge; when cut, of the next */
} Best;

typedef struct Cutter {
  rnl_Context *ctx;
  const rnl_Dict *d;
  const rnl_Dict *const *user;
  int nuser;
  rnl_CutMode mode;
  double log_total;
  const unsigned char *s;
  size_t n;
  Point *point;          /* room for 'room' + 1; one after the last */
  Best *best;
  int32_t room, m;       /* points of the block */
  int ended;             /* it is the last */
  int32_t reach;         /* end of the edges so far */
  rnl_Cut *cut;
  size_t ncut, cut_room;
} Cutter;

/* {== Units ============================================================== */

/* Characters of scripts that put nothing between words, without sorting. */
int rnli_is_ideograph (int32_t c) {
  return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x3005 && c <= 0x3007) ||
         (c >= 0x3021 && c <= 0x3029) || (c >= 0x3041 && c <= 0x3096) ||
         (c >= 0x30A1 && c <= 0x30FF && c != 0x30FB) ||
         (c >= 0x3105 && c <= 0x312F) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFF);
}


static unsigned char class_of (int32_t c) {
  if (rnli_is_ideograph(c)) return IDEOGRAPH;
  if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;   /* wide ASCII */
  if (c < 0x80) {
    if (c >= '0' && c <= '9') return DIGIT;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
      return LETTER;
    return c >= 0 && rnli_is_space(c) ? SPACE : OTHER;
  }
  if (rnli_is_space(c)) return SPACE;
  if (c == 0x200D || (c >= 0xFE00 && c <= 0xFE0F)) return MARK;
  if (c >= 0x3001 && c <= 0x303F) return OTHER;
  switch (rnli_utf8_class(c)) {
    case RNLI_LETTER: return LETTER;
    case RNLI_JOINER: return MARK;
    case RNLI_DIGIT: return DIGIT;
    default: return OTHER;
  }
}


static int in_word (int class) {
  return class == LETTER || class == DIGIT;
}


static int is_among (int32_t c, const char *list) {
  return c > 0 && c < 0x80 && strchr(list, c) != NULL;
}


/* Does point i make one unit of the letters or digits on both its sides? */
static int is_joint (const Cutter *w, int32_t i) {
  const Point *p = &w->point[i];
  if (i + 1 >= w->m || !in_word(p[1].class)) return 0;
  if (p[-1].class == DIGIT && p[1].class == DIGIT)
    return is_among(p->code, ".,:/-") || p->code == 0xFF0E ||
           p->code == 0xFF1A;
  return is_among(p->code, "'-.@&") || p->code == 0x2019;
}


static int is_percent (int32_t c) {
  return c == '%' || c == 0xFF05 || c == 0x2030;
}


/* Where the address that begins at i ends, 'i' its part before "://". */
static int32_t address_end (const Cutter *w, int32_t i, int32_t end) {
  const Point *p = w->point;
  while (i < end && p[i].code > ' ' && p[i].code < 0x7F &&
         !is_among(p[i].code, "<>\"`{}|\\^"))
    i++;
  while (is_among(p[i - 1].code, ".,:;!?')]")) i--;
  return i;
}


/* Where the letters, digits and what joins them from i on end. */
static int32_t word_end (const Cutter *w, int32_t i, int32_t end) {
  const Point *p = w->point;
  int32_t k = i + 1;
  while (k < end && (in_word(p[k].class) || p[k].class == MARK ||
                     is_joint(w, k)))
    k++;
  if (k + 3 < end && p[i].class == LETTER && p[k].code == ':' &&
      p[k + 1].code == '/' && p[k + 2].code == '/' &&
      p[k + 3].code > ' ' && p[k + 3].code < 0x7F)
    return address_end(w, k + 3, end);
  if (k < end && p[k - 1].class == DIGIT && is_percent(p[k].code)) k++;
  return k;
}


static int32_t unit_end (const Cutter *w, int32_t i) {
  const Point *p = w->point;
  int32_t end = w->m - i > MAX_UNIT ? i + MAX_UNIT : w->m, k = i + 1;
  if (in_word(p[i].class)) return word_end(w, i, end);
  if (p[i].class == SPACE) {
    while (k < end && p[k].class == SPACE) k++;
    return k;
  }
  while (k < end && p[k].class == MARK && p[i].code >= 0) k++;
  return k;
}


static int32_t next_unit (const Cutter *w, int32_t i) {
  do i++; while (!w->point[i].begins);
  return i;
}


/* Takes the points of a block from byte 'at' on, and finds its units. */
static void read_block (Cutter *w, size_t at) {
  Point *p = w->point;
  int32_t m = 0;
  for (; m < w->room && at < w->n; m++) {
    int32_t code;
    int len = rnli_utf8_scan(w->s + at, w->n - at, &code);
    p[m] = (Point){at, len > 0 ? code : -1, OTHER, 0};
    if (len > 0) p[m].class = class_of(code);
    at += (size_t)(len > 0 ? len : -len);
  }
  p[m] = (Point){at, -1, OTHER, 1};
  w->m = m;
  w->ended = at == w->n;
  for (int32_t i = 0; i < m; i = unit_end(w, i)) p[i].begins = 1;
}

/* }====================================================================== */

/* {== The best path ====================================================== */

static int is_better (const Best *a, const Best *b) {
  if (a->chars != b->chars) return a->chars > b->chars;
  if (a->words != b->words) return a->words < b->words;
  return a->logp > b->logp;
}


/* An edge from i to k. */
static void add_edge (Cutter *w, int32_t i, int32_t k, double logp,
                      rnl_CutKind kind) {
  const Best *from = &w->best[i];
  int user = kind == RNL_CUT_USER;
  Best b = {from->logp + logp, from->chars + (user ? k - i : 0),
            from->words + user, i, kind};
  if (w->best[k].from < 0 || is_better(&b, &w->best[k])) w->best[k] = b;
}


/*
** Calls visit for the words of 'd' from i on that end where a unit does, the
** shorter first.
*/
typedef void Visit (Cutter *w, int32_t i, int32_t k, uint64_t freq,
                    void *arg);

static void each_word (Cutter *w, const rnl_Dict *d, int32_t i, Visit *visit,
                       void *arg) {
  const Point *p = w->point;
  int32_t node = RNLI_WORDS;
  for (int32_t k = i; k < w->m; k++) {
    node = rnli_dict_next(d, node, p[k].code);
    if (!node) return;
    uint64_t freq = p[k + 1].begins ? rnli_dict_freq(d, node) : 0;
    if (freq) visit(w, i, k + 1, freq, arg);
  }
}


static void reach_to (Cutter *w, int32_t k) {
  if (k > w->reach) w->reach = k;
}


static double log_freq (const Cutter *w, double freq) {
  return log(freq) - w->log_total;
}


/* 'arg' collects bits of the lengths that words have, the unit's as bit 0. */
static void take_word (Cutter *w, int32_t i, int32_t k, uint64_t freq,
                       void *arg) {
  unsigned *found = arg;
  int32_t unit = next_unit(w, i);
  reach_to(w, k);
  *found |= k == unit;
  if (k - i <= RNLI_LONGEST_GUESS) *found |= 1u << (k - i);
  if (w->mode == RNL_CUT_MAX && k > unit) return;
  int one = k == i + 1 && w->point[i].class == IDEOGRAPH;
  add_edge(w, i, k, log_freq(w, (double)freq),
           one ? RNL_CUT_CHAR : RNL_CUT_WORD);
}


static void take_user (Cutter *w, int32_t i, int32_t k, uint64_t freq,
                       void *arg) {
  (void)arg;
  reach_to(w, k);
  add_edge(w, i, k, log_freq(w, (double)freq), RNL_CUT_USER);
}


/* Edges of new words from i on, but those in 'found'. */
static void guess_words (Cutter *w, int32_t i, unsigned *found) {
  const rnli_Spelling *s = w->d->spelling;
  const Point *p = w->point;
  double sum = s->fresh;
  for (int32_t n = 1; n <= RNLI_LONGEST_GUESS; n++) {
    int32_t k = i + n;
    if (k > w->m || p[k - 1].class != IDEOGRAPH || !p[k].begins) return;
    const double *place = s->page[s->index[p[k - 1].code >> 8]]
                                 [p[k - 1].code & 255];
    if (!(*found >> n & 1)) {
      *found |= n == 1;
      reach_to(w, k);
      add_edge(w, i, k, sum + s->length[n] +
               place[n == 1 ? RNLI_SINGLE : RNLI_LAST],
               n == 1 ? RNL_CUT_CHAR : RNL_CUT_GUESSED);
    }
    sum += place[n == 1 ? RNLI_FIRST : RNLI_INNER];
  }
}


/* All edges from i on. */
static void add_edges (Cutter *w, int32_t i) {
  int32_t unit = next_unit(w, i);
  int class = w->point[i].class;
  unsigned found = 0;
  reach_to(w, unit);
  if (class == SPACE) {
    add_edge(w, i, unit, 0.0, RNL_CUT_SPACE);
    return;
  }
  each_word(w, w->d, i, take_word, &found);
  if (w->mode == RNL_CUT_GUESS) guess_words(w, i, &found);
  if (!(found & 1))
    add_edge(w, i, unit, log_freq(w, HALF),
             class == IDEOGRAPH ? RNL_CUT_CHAR : RNL_CUT_UNIT);
  for (int u = 0; u < w->nuser; u++)
    each_word(w, w->user[u], i, take_user, NULL);
}


/*
** Finds the best paths of the block. Returns the last point that every path
** goes through, whatever comes after the block; 0 if there is none.
*/
static int32_t find_paths (Cutter *w) {
  int32_t safe = 0, sure = w->ended ? w->m : w->m - MAX_UNIT;
  for (int32_t i = 0; i <= w->m; i++) w->best[i].from = -1;
  w->best[0] = (Best){0, 0, 0, 0, RNL_CUT_SPACE};
  w->reach = 0;
  for (int32_t i = 0; i < w->m; i = next_unit(w, i)) {
    if (w->reach <= i && i <= sure) safe = i;
    add_edges(w, i);
  }
  return w->ended ? w->m : safe;
}


/* Turns the path to 'end' around, see Best. */
static void turn_path (Cutter *w, int32_t end) {
  int32_t after = end;
  rnl_CutKind kind = RNL_CUT_SPACE;
  for (int32_t i = end; ; ) {
    Best *b = &w->best[i];
    int32_t before = b->from;
    rnl_CutKind own = b->kind;
    b->from = after;
    b->kind = kind;
    if (i == 0) return;
    after = i;
    kind = own;
    i = before;
  }
}

/* }====================================================================== */

/* {== The result ========================================================= */

static int add_cut (Cutter *w, int32_t i, int32_t k, rnl_CutKind kind) {
  rnl_Cut *cut = rnli_grow(w->ctx, w->cut, w->ncut, w->ncut + 1, sizeof *cut,
                           &w->cut_room, "words of a text");
  if (!cut) return RNL_ENOMEM;
  w->cut = cut;
  cut[w->ncut++] = (rnl_Cut){w->point[i].at, w->point[k].at, kind};
  return RNL_OK;
}


static int put_path (Cutter *w, int32_t end) {
  int status = RNL_OK;
  for (int32_t i = 0; i < end && status == RNL_OK; i = w->best[i].from)
    status = add_cut(w, i, w->best[i].from, w->best[i].kind);
  return status;
}


typedef struct Longest {
  int32_t limit, end;
} Longest;

static void take_longest (Cutter *w, int32_t i, int32_t k, uint64_t freq,
                          void *arg) {
  Longest *l = arg;
  (void)w; (void)i; (void)freq;
  if (k <= l->limit) l->end = k;
}


/* Where the user word begins that comes next on the path; 'end' if none. */
static int32_t next_user (const Cutter *w, int32_t i, int32_t end) {
  while (i < end && w->best[i].kind != RNL_CUT_USER) i = w->best[i].from;
  return i;
}


/* The path is user words and units: takes the longest words between. */
static int put_longest (Cutter *w, int32_t end) {
  Longest l = {.limit = 0};
  int status = RNL_OK;
  for (int32_t i = 0; i < end && status == RNL_OK; i = l.end) {
    const Best *b = &w->best[i];
    if (i >= l.limit) l.limit = next_user(w, i, end);
    l.end = b->from;
    if (i < l.limit) each_word(w, w->d, i, take_longest, &l);
    status = add_cut(w, i, l.end, l.end > b->from ? RNL_CUT_WORD : b->kind);
  }
  return status;
}


/* Kinds of the words from a point on, by their length. */
typedef struct All {
  unsigned char kind[RNL_MAX_ENTRY + 1];   /* or 0 */
  rnl_CutKind of;
  int32_t longest;
} All;

static void take_any (Cutter *w, int32_t i, int32_t k, uint64_t freq,
                      void *arg) {
  All *all = arg;
  (void)w; (void)freq;
  all->kind[k - i] = (unsigned char)all->of;
  if (k - i > all->longest) all->longest = k - i;
}


/* Puts the words from i on; 'covered' is where longer ones so far end. */
static int put_from (Cutter *w, int32_t i, int32_t *covered) {
  All all = {.of = RNL_CUT_WORD};
  int32_t unit = next_unit(w, i);
  int status = RNL_OK, class = w->point[i].class;
  if (class != SPACE) each_word(w, w->d, i, take_any, &all);
  all.of = RNL_CUT_USER;
  for (int u = 0; u < w->nuser && class != SPACE; u++)
    each_word(w, w->user[u], i, take_any, &all);
  if (i + all.longest > unit && i + all.longest > *covered)
    *covered = i + all.longest;
  if (*covered <= i)
    status = add_cut(w, i, unit, class == SPACE ? RNL_CUT_SPACE
                     : class == IDEOGRAPH ? RNL_CUT_CHAR : RNL_CUT_UNIT);
  for (int32_t n = unit - i + 1; n <= all.longest && status == RNL_OK; n++)
    if (all.kind[n])
      status = add_cut(w, i, i + n, (rnl_CutKind)all.kind[n]);
  return status;
}


static int put_all (Cutter *w, int32_t end) {
  int status = RNL_OK;
  int32_t covered = 0;
  for (int32_t i = 0; i < end && status == RNL_OK; i = next_unit(w, i))
    status = put_from(w, i, &covered);
  return status;
}


static int put_block (Cutter *w, int32_t end) {
  if (w->mode == RNL_CUT_ALL) return put_all(w, end);
  turn_path(w, end);
  return w->mode == RNL_CUT_MAX ? put_longest(w, end) : put_path(w, end);
}

/* }====================================================================== */

/* Room for a block of 'room' points. */
static int make_room (Cutter *w, size_t room) {
  size_t bytes = rnli_mul(room + 1, sizeof *w->best + sizeof *w->point);
  rnli_put(w->ctx, w->best);
  w->best = room < INT32_MAX ? rnli_get(w->ctx, bytes) : NULL;
  if (!w->best) return rnli_nomem(w->ctx, "a text without spaces", bytes);
  w->point = (Point *)(void *)(w->best + room + 1);
  w->room = (int32_t)room;
  return RNL_OK;
}


static int cut_blocks (Cutter *w) {
  size_t at = 0;
  int status = make_room(w, w->n < BLOCK ? w->n : BLOCK);
  while (status == RNL_OK && at < w->n) {
    read_block(w, at);
    int32_t end = find_paths(w);
    if (end == 0) {
      status = make_room(w, (size_t)w->room * 2);
    } else {
      status = put_block(w, end);
      at = w->point[end].at;
    }
  }
  return status;
}


int rnli_dict_cut (const rnl_Dict *d, const rnl_Dict *const *user, int nuser,
                   rnl_CutMode mode, rnl_Context *ctx, const char *s,
                   size_t n, rnl_Cut **cuts, size_t *ncuts) {
  Cutter w = {.ctx = ctx, .d = d, .user = user, .nuser = nuser, .mode = mode,
              .s = (const unsigned char *)s, .n = n,
              .log_total = log((double)(d->total ? d->total : 1))};
  *cuts = NULL;
  *ncuts = 0;
  if (mode == RNL_CUT_GUESS && !d->spelling) w.mode = RNL_CUT_BEST;
  int status = cut_blocks(&w);
  rnli_put(ctx, w.best);
  if (status == RNL_OK) {
    *cuts = w.cut;
    *ncuts = w.ncut;
  } else {
    rnli_put(ctx, w.cut);
  }
  return status;
}


int rnl_dict_cut (rnl_Dict *d, rnl_Dict *const *user, int nuser,
                  rnl_CutMode mode, const char *s, size_t n, rnl_Cut **cuts,
                  size_t *ncuts) {
  int status = mode == RNL_CUT_GUESS ? rnli_dict_spell(d) : RNL_OK;
  *cuts = NULL;
  *ncuts = 0;
  if (status != RNL_OK) return status;
  return rnli_dict_cut(d, (const rnl_Dict *const *)user, nuser, mode, d->ctx,
                       s, n, cuts, ncuts);
}


void rnl_cuts_free (rnl_Context *ctx, rnl_Cut *cuts) {
  rnli_put(ctx, cuts);
}
