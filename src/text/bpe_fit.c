/*
** bpe_fit.c - learning the tokens of byte pair encoding.
**
** Every different piece is kept as its tokens, with how often it was seen; for
** every pair its count and a list of pieces that have had it; and a heap of
** pairs by count. A count in the heap is what it was when it went there: counts
** of pairs only fall once the pair is known, so one that is out of date goes
** back into the heap when it comes to the top. Likewise a piece stays in the
** lists of pairs that it has no more. A step touches only pieces that have had
** the pair, and the ids do not depend on the order of the pieces: pairs are
** joined by count, then by their ids, the smaller first.
*/
#include <string.h>

#include "text/bpe.h"

enum { NONE = RNLI_NO_PAIR };

/* A pair of tokens that stands, or has stood, in pieces. */
typedef struct Pair {
  int32_t left, right;
  int32_t first;        /* of its pieces, in 'member'; or NONE */
  uint64_t count;
} Pair;

/* A piece in the list of a pair. */
typedef struct Member {
  int32_t piece;
  int32_t next;         /* or NONE */
} Member;

typedef struct Span {
  size_t at;            /* in 'id' */
  int n;
} Span;

typedef struct Top {
  uint64_t count;
  int32_t pair;
} Top;

typedef struct Learner {
  rnl_Context *ctx;
  const rnl_Words *words;
  uint64_t least;       /* rarer pairs are not joined */
  Span *span;           /* of each piece */
  int32_t *id;          /* the tokens of all pieces */
  rnli_Pairs pairs;     /* which of 'pair' it is */
  Pair *pair;
  size_t npair, pair_room;
  Member *member;
  size_t nmember, member_room;
  Top *heap;
  size_t nheap, heap_room;
} Learner;


/* Is 'a' to be joined before 'b'? */
static int before (const Learner *l, Top a, Top b) {
  const Pair *p = &l->pair[a.pair], *q = &l->pair[b.pair];
  if (a.count != b.count) return a.count > b.count;
  return p->left != q->left ? p->left < q->left : p->right < q->right;
}


/* A pair goes into the heap, unless it is too rare. */
static int push (Learner *l, int32_t pair) {
  Top top = {l->pair[pair].count, pair};
  if (top.count < l->least) return RNL_OK;
  Top *heap = rnli_grow(l->ctx, l->heap, l->nheap, l->nheap + 1, sizeof *heap,
                        &l->heap_room, "pairs of tokens");
  if (!heap) return RNL_ENOMEM;
  l->heap = heap;
  size_t i = l->nheap++;
  for (; i > 0 && before(l, top, heap[(i - 1) / 2]); i = (i - 1) / 2)
    heap[i] = heap[(i - 1) / 2];
  heap[i] = top;
  return RNL_OK;
}


static Top pop (Learner *l) {
  Top top = l->heap[0], last = l->heap[--l->nheap];
  size_t i = 0, k;
  for (; (k = 2 * i + 1) < l->nheap; i = k) {
    if (k + 1 < l->nheap && before(l, l->heap[k + 1], l->heap[k])) k++;
    if (!before(l, l->heap[k], last)) break;
    l->heap[i] = l->heap[k];
  }
  l->heap[i] = last;
  return top;
}


/* The pair of two tokens, a new one if need be; NULL: no memory. */
static Pair *pair_of (Learner *l, int32_t left, int32_t right) {
  int32_t found = rnli_pairs_find(&l->pairs, left, right)->value;
  if (found != NONE) return &l->pair[found];
  Pair *pair = rnli_grow(l->ctx, l->pair, l->npair, l->npair + 1, sizeof *pair,
                         &l->pair_room, "pairs of tokens");
  if (!pair) return NULL;
  l->pair = pair;
  if (rnli_pairs_add(l->ctx, &l->pairs, left, right,
                     (int32_t)l->npair) != RNL_OK)
    return NULL;
  pair[l->npair] = (Pair){left, right, NONE, 0};
  return &pair[l->npair++];
}


/* Two tokens stand together in a piece, once more. */
static int count_pair (Learner *l, int32_t left, int32_t right,
                       int32_t piece) {
  Pair *p = pair_of(l, left, right);
  if (!p) return RNL_ENOMEM;
  p->count += rnli_words_count(l->words, piece);
  if (p->first != NONE && l->member[p->first].piece == piece) return RNL_OK;
  if (l->nmember == INT32_MAX)
    return rnli_error(l->ctx, RNL_ESHAPE, "bpe: the pieces are too many");
  Member *m = rnli_grow(l->ctx, l->member, l->nmember, l->nmember + 1,
                        sizeof *m, &l->member_room, "pairs of tokens");
  if (!m) return RNL_ENOMEM;
  l->member = m;
  m[l->nmember] = (Member){piece, p->first};
  p->first = (int32_t)l->nmember++;
  return RNL_OK;
}


/* Once less; the pair is known. */
static void discount_pair (Learner *l, int32_t left, int32_t right,
                           int32_t piece) {
  l->pair[rnli_pairs_find(&l->pairs, left, right)->value].count -=
    rnli_words_count(l->words, piece);
}


/* Takes the bytes of all pieces apart. */
static int fill (Learner *l) {
  int n = rnl_words_size(l->words);
  size_t size = 0, len;
  for (int i = 0; i < n; i++, size += len) rnl_words_at(l->words, i, &len);
  l->span = rnli_get(l->ctx, ((size_t)n + 1) * sizeof *l->span);
  l->id = rnli_get(l->ctx, rnli_mul(size + 1, sizeof *l->id));
  if (!l->span || !l->id)
    return rnli_nomem(l->ctx, "pieces", rnli_mul(size + 1, sizeof *l->id));
  size = 0;
  for (int i = 0; i < n; i++) {
    const char *s = rnl_words_at(l->words, i, &len);
    l->span[i] = (Span){size, (int)len};
    while (len-- > 0) l->id[size++] = (unsigned char)*s++;
  }
  return RNL_OK;
}


static int count_pairs (Learner *l) {
  int status = rnli_pairs_grow(l->ctx, &l->pairs);
  int n = rnl_words_size(l->words);
  for (int32_t i = 0; i < n && status == RNL_OK; i++) {
    const int32_t *id = l->id + l->span[i].at;
    for (int k = 0; k + 1 < l->span[i].n && status == RNL_OK; k++)
      status = count_pair(l, id[k], id[k + 1], i);
  }
  return status;
}


/*
** Joins the pair in a piece, which may not have it any more. Its own count is
** not kept: it has none afterwards.
*/
static int join_in (Learner *l, int32_t piece, Pair p, int32_t made) {
  Span *span = &l->span[piece];
  int32_t *id = l->id + span->at;
  int n = 0, status = RNL_OK;
  for (int i = 0; i < span->n && status == RNL_OK; i++) {
    int joined = i + 1 < span->n && id[i] == p.left && id[i + 1] == p.right;
    if (joined && n > 0) {
      discount_pair(l, id[n - 1], p.left, piece);
      status = count_pair(l, id[n - 1], made, piece);
    }
    if (joined && i + 2 < span->n && status == RNL_OK) {
      discount_pair(l, p.right, id[i + 2], piece);
      status = count_pair(l, made, id[i + 2], piece);
    }
    id[n++] = joined ? made : id[i];
    i += joined;
  }
  span->n = n;
  return status;
}


/* Joins the pair in all its pieces; the pairs that arise go into the heap. */
static int join_all (Learner *l, int32_t pair, int32_t made) {
  size_t known = l->npair;
  int status = RNL_OK;
  for (int32_t m = l->pair[pair].first; m != NONE && status == RNL_OK;
       m = l->member[m].next)
    status = join_in(l, l->member[m].piece, l->pair[pair], made);
  l->pair[pair].count = 0;
  for (; known < l->npair && status == RNL_OK; known++)
    status = push(l, (int32_t)known);
  return status;
}


/* Joins the pair at the top of the heap, unless its count is out of date. */
static int learn_one (Learner *l, rnl_Bpe *b) {
  char s[RNL_MAX_PIECE];
  Top top = pop(l);
  const Pair *p = &l->pair[top.pair];
  if (p->count < top.count) return push(l, top.pair);
  size_t n = rnli_bpe_join(b, p->left, p->right, s);
  if (rnli_words_find(b->token, s, n) >= 0) return RNL_OK;   /* it is there */
  int id = rnl_bpe_size(b);
  int status = rnli_bpe_add(b, p->left, p->right, s, n);
  return status == RNL_OK ? join_all(l, top.pair, id) : status;
}


static int learn (Learner *l, rnl_Bpe *b, int size) {
  int status = fill(l);
  if (status == RNL_OK) status = count_pairs(l);
  for (size_t i = 0; i < l->npair && status == RNL_OK; i++)
    status = push(l, (int32_t)i);
  while (status == RNL_OK && rnl_bpe_size(b) < size && l->nheap > 0)
    status = learn_one(l, b);
  return status;
}


int rnl_bpe_fit (const rnl_Words *pieces, int size, uint64_t least,
                 rnl_Bpe **out) {
  rnl_Context *ctx = rnli_words_context(pieces);
  Learner l = {.ctx = ctx, .words = pieces, .least = least ? least : 1};
  rnl_Bpe *b;
  int status = rnli_bpe_make(ctx, &b);
  *out = NULL;
  if (status != RNL_OK) return status;
  l.pairs.seed = (uintptr_t)b;
  status = learn(&l, b, size);
  rnli_put(ctx, l.span);
  rnli_put(ctx, l.id);
  rnli_put(ctx, l.pairs.slot);
  rnli_put(ctx, l.pair);
  rnli_put(ctx, l.member);
  rnli_put(ctx, l.heap);
  if (status == RNL_OK) status = rnli_bpe_close(b);
  if (status == RNL_OK) *out = b;
  else rnl_bpe_free(b);
  return status;
}
