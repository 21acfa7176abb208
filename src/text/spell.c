/*
** spell.c - how the words of a dictionary are spelled, for words it lacks.
**
** P(word) = P(a word is new) P(n characters) prod_i P(c_i | its place), the
** place being single, first, inner or last: counts over the different words of
** ideographs, with a little for characters that none has there. How often a
** word is new is estimated by the words that were seen once (Good 1953): their
** share of all, kept within what texts have. Places are the B, M, E and S of a
** tagger; this is its hidden Markov model with whole words for states, so that
** one search finds the best path through known and new words together.
*/
#include <math.h>
#include <string.h>

#include "text/dict.h"

static const double FRESH_LEAST = 0.005, FRESH_MOST = 0.05;
static const double SMOOTH = 0.2;     /* counts that were not seen */
static const double SMOOTH_LENGTH = 0.1;

typedef struct Counts {
  double words;
  double place[RNLI_PLACES];
  double codes;               /* different characters */
} Counts;


/* Characters of the word that ends at a node; 0 if not all are ideographs. */
static int count_ideographs (const rnl_Dict *d, int32_t node) {
  int n = 0;
  for (int32_t i = node; i > RNLI_TAGS; i = d->node[i].parent, n++)
    if (!rnli_is_ideograph(d->node[i].code)) return 0;
  return n;
}


static double *places_of (rnli_Spelling *s, int32_t code) {
  return s->page[s->index[code >> 8]][code & 255];
}


/* Gives pages to the characters of all words; how many, the empty one too. */
static size_t give_pages (const rnl_Dict *d, rnli_Spelling *s) {
  size_t pages = 1;
  for (size_t e = 0; e < d->n; e++) {
    int32_t node = d->entry[e].node;
    if (!count_ideographs(d, node)) continue;
    for (int32_t i = node; i > RNLI_TAGS; i = d->node[i].parent) {
      uint16_t *at = &s->index[d->node[i].code >> 8];
      if (!*at) *at = (uint16_t)pages++;
    }
  }
  return pages;
}


static void count_word (const rnl_Dict *d, int32_t node, rnli_Spelling *s,
                        Counts *c) {
  int n = count_ideographs(d, node), left = n;
  if (n == 0) return;
  c->words++;
  if (n <= RNLI_LONGEST_GUESS) s->length[n]++;
  for (int32_t i = node; i > RNLI_TAGS; i = d->node[i].parent, left--) {
    int place = n == 1 ? RNLI_SINGLE : left == n ? RNLI_LAST
              : left == 1 ? RNLI_FIRST : RNLI_INNER;
    double *p = places_of(s, d->node[i].code);
    c->codes += p[0] + p[1] + p[2] + p[3] == 0;
    p[place]++;
    c->place[place]++;
  }
}


/* Counts to logarithms of probabilities. */
static void settle (const rnl_Dict *d, rnli_Spelling *s, size_t pages,
                    const Counts *c) {
  double fresh = (double)d->once / (double)(d->total ? d->total : 1);
  s->fresh = log(fmin(fmax(fresh, FRESH_LEAST), FRESH_MOST));
  for (int n = 1; n <= RNLI_LONGEST_GUESS; n++)
    s->length[n] = log((s->length[n] + SMOOTH_LENGTH) /
                       (c->words + SMOOTH_LENGTH * (RNLI_LONGEST_GUESS + 1)));
  for (size_t i = 0; i < pages * 256; i++)
    for (int p = 0; p < RNLI_PLACES; p++) {
      double *x = &s->page[i / 256][i % 256][p];
      *x = log((*x + SMOOTH) / (c->place[p] + SMOOTH * (c->codes + 1)));
    }
}


int rnli_dict_spell (rnl_Dict *d) {
  if (d->spelling || d->once == d->n) return RNL_OK;
  rnli_Spelling *s = rnli_get(d->ctx, sizeof *s);
  if (!s) return rnli_nomem(d->ctx, "a model of new words", sizeof *s);
  memset(s, 0, sizeof *s);
  size_t pages = give_pages(d, s), bytes = pages * sizeof *s->page;
  s->page = rnli_get(d->ctx, bytes);
  if (!s->page) {
    rnli_put(d->ctx, s);
    return rnli_nomem(d->ctx, "a model of new words", bytes);
  }
  memset(s->page, 0, bytes);
  Counts c = {.words = 0};
  for (size_t e = 0; e < d->n; e++) count_word(d, d->entry[e].node, s, &c);
  settle(d, s, pages, &c);
  d->spelling = s;
  return RNL_OK;
}
