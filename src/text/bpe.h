/*
** bpe.h - what the files of byte pair encoding share: pairs of tokens, and how
** tokens are made of them.
*/
#ifndef RNLI_BPE_H
#define RNLI_BPE_H

#include "text/text.h"

enum { RNLI_NO_PAIR = -1 };

typedef struct rnli_Slot {
  int32_t left, right;
  int32_t value;        /* RNLI_NO_PAIR: the slot is free */
} rnli_Slot;

/* Pairs, each with a number: open addressing, at most half full. */
typedef struct rnli_Pairs {
  rnli_Slot *slot;
  size_t slots;         /* a power of 2; 0 before the first rnli_pairs_grow */
  size_t n;
  uint64_t seed;        /* of hashes: no input can be made to collide */
} rnli_Pairs;

struct rnl_Bpe {
  rnl_Context *ctx;
  rnl_Words *token;     /* the bytes of all, by their ids */
  rnli_Pairs pairs;     /* which token two of them become */
  int32_t *part;        /* the two of token 256 + i: part[2 * i], ... */
  size_t nparts;        /* numbers in 'part' */
  size_t room;          /* for them */
  unsigned char *whole; /* of an id: do its bytes become it? */
};

/* The slot of a pair, or the free one where it belongs. */
static inline rnli_Slot *rnli_pairs_find (const rnli_Pairs *p, int32_t left,
                                          int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  size_t i = rnli_mix(p->seed, key) & (p->slots - 1);
  for (;; i = (i + 1) & (p->slots - 1)) {
    rnli_Slot *s = &p->slot[i];
    if (s->value == RNLI_NO_PAIR || (s->left == left && s->right == right))
      return s;
  }
}

/* Makes room for more pairs, and finds all their place anew. */
int rnli_pairs_grow (rnl_Context *ctx, rnli_Pairs *p);

/* Adds a pair that is not there. */
int rnli_pairs_add (rnl_Context *ctx, rnli_Pairs *p, int32_t left,
                    int32_t right, int32_t value);

/* One whose tokens are the bytes. When all is there, it is to be closed. */
int rnli_bpe_make (rnl_Context *ctx, rnl_Bpe **out);
int rnli_bpe_close (rnl_Bpe *b);

/* The bytes of two tokens, one after the other; 0: more than a piece has. */
size_t rnli_bpe_join (const rnl_Bpe *b, int32_t left, int32_t right,
                      char joined[RNL_MAX_PIECE]);

/* The two become a token, the next id, with these bytes. */
int rnli_bpe_add (rnl_Bpe *b, int32_t left, int32_t right, const char *s,
                  size_t n);

#endif
