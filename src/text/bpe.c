/*
** bpe.c - byte pair encoding: tokens that are learnt by joining the pair of
** tokens that stands together most often, again and again (Sennrich et al.
** 2016), from bytes on, so that every input has ids.
**
** Text is cut into pieces (rnli_piece) and no token goes beyond one. To encode
** a piece its tokens are joined in the order in which the pairs were learnt, of
** two the same the left one first; as a piece is short, the next pair is looked
** for from its start. Most pieces are a token as they stand, which is found at
** once; of each token it is known whether its bytes become it in this way.
**
** Learning keeps every different piece as its tokens, with how often it was
** seen; for every pair its count and a list of pieces that have had it; and a
** heap of pairs by count. A count in the heap is what it was when it went
** there: counts of pairs only fall once the pair is known, so one that is out
** of date goes back into the heap when it comes to the top. Likewise a piece
** stays in the lists of pairs that it has no more. A step touches only pieces
** that have had the pair, and the ids do not depend on the order of the pieces:
** pairs are joined by count, then by their ids, the smaller first.
*/
#include <limits.h>
#include <string.h>

#include "text/text.h"

enum { NBYTE = 256, NONE = -1, LEAST_SLOTS = 1 << 10 };

/* {== Pairs of tokens ==================================================== */

typedef struct Slot {
  int32_t left, right;
  int32_t value;        /* NONE: the slot is free */
} Slot;

/* Pairs, each with a number: open addressing, at most half full. */
typedef struct Pairs {
  Slot *slot;
  size_t slots;         /* a power of 2 */
  size_t n;
  uint64_t seed;        /* of hashes: no input can be made to collide */
} Pairs;


/* The slot of a pair, or the free one where it belongs. */
static Slot *find_pair (const Pairs *p, int32_t left, int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  size_t i = rnli_mix(p->seed, key) & (p->slots - 1);
  for (;; i = (i + 1) & (p->slots - 1)) {
    Slot *s = &p->slot[i];
    if (s->value == NONE || (s->left == left && s->right == right)) return s;
  }
}


/* Makes room for 'slots' slots, and finds all pairs their place anew. */
static int grow_pairs (rnl_Context *ctx, Pairs *p, size_t slots) {
  size_t bytes = rnli_mul(slots, sizeof(Slot));
  Pairs grown = {rnli_get(ctx, bytes), slots, p->n, p->seed};
  if (!grown.slot) return rnli_nomem(ctx, "pairs of tokens", bytes);
  memset(grown.slot, 0xFF, bytes);   /* all NONE */
  for (size_t i = 0; i < p->slots; i++)
    if (p->slot[i].value != NONE)
      *find_pair(&grown, p->slot[i].left, p->slot[i].right) = p->slot[i];
  rnli_put(ctx, p->slot);
  *p = grown;
  return RNL_OK;
}


/* Adds a pair that is not there. */
static int add_pair (rnl_Context *ctx, Pairs *p, int32_t left, int32_t right,
                     int32_t value) {
  int status = p->n < p->slots / 2 ? RNL_OK
               : grow_pairs(ctx, p, p->slots ? p->slots * 2 : LEAST_SLOTS);
  if (status != RNL_OK) return status;
  *find_pair(p, left, right) = (Slot){left, right, value};
  p->n++;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Tokens ============================================================= */

struct rnl_Bpe {
  rnl_Context *ctx;
  rnl_Words *token;         /* the bytes of all, by their ids */
  Pairs pairs;              /* which token two of them become */
  int32_t *part;            /* the two of token NBYTE + i: part[2 * i], ... */
  size_t nparts;            /* numbers in 'part' */
  unsigned char *whole;     /* of an id: do its bytes become it? */
};


static int bpe_make (rnl_Context *ctx, rnl_Bpe **out) {
  rnl_Bpe *b = rnli_get(ctx, sizeof *b);
  *out = NULL;
  if (!b) return rnli_nomem(ctx, "a tokenizer", sizeof *b);
  memset(b, 0, sizeof *b);
  b->ctx = ctx;
  b->pairs.seed = (uintptr_t)b;
  rnl_context_retain(ctx);
  int status = rnl_words_new(ctx, RNL_PIECES, &b->token);
  if (status == RNL_OK)
    status = grow_pairs(ctx, &b->pairs, LEAST_SLOTS);
  for (int c = 0; c < NBYTE && status == RNL_OK; c++) {
    char byte = (char)(unsigned char)c;
    status = rnli_words_put(b->token, &byte, 1);
  }
  if (status == RNL_OK) *out = b;
  else rnl_bpe_free(b);
  return status;
}


void rnl_bpe_free (rnl_Bpe *b) {
  if (!b) return;
  rnl_Context *ctx = b->ctx;
  rnl_words_free(b->token);
  rnli_put(ctx, b->pairs.slot);
  rnli_put(ctx, b->part);
  rnli_put(ctx, b->whole);
  rnli_put(ctx, b);
  rnl_context_release(ctx);
}


int rnl_bpe_size (const rnl_Bpe *b) {
  return rnl_words_size(b->token);
}


const char *rnl_bpe_at (const rnl_Bpe *b, int id, size_t *n) {
  return rnl_words_at(b->token, id, n);
}


const int32_t *rnl_bpe_parts (const rnl_Bpe *b) {
  return b->part;
}


/* The bytes of two tokens, one after the other; 0: more than a piece has. */
static size_t join (const rnl_Bpe *b, int32_t left, int32_t right,
                    char joined[RNL_MAX_PIECE]) {
  size_t n, m;
  const char *s = rnl_bpe_at(b, left, &n);
  const char *t = rnl_bpe_at(b, right, &m);
  if (n + m > RNL_MAX_PIECE) return 0;
  memcpy(joined, s, n);
  memcpy(joined + n, t, m);
  return n + m;
}


/* The two become a token, the next id, with these bytes. */
static int add_token (rnl_Bpe *b, int32_t left, int32_t right, const char *s,
                      size_t n, size_t *room) {
  int id = rnl_bpe_size(b);
  int32_t *part = rnli_grow(b->ctx, b->part, b->nparts, b->nparts + 2,
                            sizeof *part, room, "tokens");
  if (!part) return RNL_ENOMEM;
  b->part = part;
  int status = rnli_words_put(b->token, s, n);
  if (status == RNL_OK)
    status = add_pair(b->ctx, &b->pairs, left, right, id);
  part[b->nparts++] = left;
  part[b->nparts++] = right;
  return status;
}

/* }====================================================================== */

/* {== Text and ids ======================================================= */

/* The token that two become; INT_MAX: none. */
static int32_t joined_id (const rnl_Bpe *b, int32_t left, int32_t right) {
  const Slot *s = find_pair(&b->pairs, left, right);
  return s->value == NONE ? INT_MAX : s->value;
}


static int smallest (const int32_t *x, int n) {
  int at = 0;
  for (int i = 1; i < n; i++)
    if (x[i] < x[at]) at = i;
  return at;
}


/*
** Ids of the bytes of a piece, n > 0, to 'id', which has room for n; how many
** they are. next[i] is what id[i] and id[i + 1] become: the smallest was learnt
** first.
*/
static int join_piece (const rnl_Bpe *b, const char *s, size_t len,
                       int32_t *id) {
  int32_t next[RNL_MAX_PIECE];
  int n = (int)len, at;
  for (int i = 0; i < n; i++) id[i] = (unsigned char)s[i];
  for (int i = 0; i + 1 < n; i++) next[i] = joined_id(b, id[i], id[i + 1]);
  while (n > 1 && next[at = smallest(next, n - 1)] < INT_MAX) {
    size_t rest = (size_t)(--n - at - 1);
    id[at] = next[at];
    memmove(id + at + 1, id + at + 2, rest * sizeof *id);
    memmove(next + at, next + at + 1, rest * sizeof *next);
    if (at > 0) next[at - 1] = joined_id(b, id[at - 1], id[at]);
    if (rest) next[at] = joined_id(b, id[at], id[at + 1]);
  }
  return n;
}


/* Finds which tokens their bytes become: all is there now. */
static int close_bpe (rnl_Bpe *b) {
  int32_t id[RNL_MAX_PIECE];
  size_t n, V = (size_t)rnl_bpe_size(b);
  b->whole = rnli_get(b->ctx, V);
  if (!b->whole) return rnli_nomem(b->ctx, "tokens", V);
  for (size_t i = 0; i < V; i++) {
    const char *s = rnl_bpe_at(b, (int)i, &n);
    b->whole[i] = join_piece(b, s, n, id) == 1 && id[0] == (int32_t)i;
  }
  return RNL_OK;
}


int rnl_bpe_encode (rnl_Bpe *b, const char *s, size_t n, rnl_Tensor **out) {
  rnli_Ids ids = {.ctx = b->ctx};
  int status = rnli_ids_room(&ids, n / 4 + 1);
  for (size_t i = 0, len; i < n && status == RNL_OK; i += len) {
    len = rnli_piece((const unsigned char *)s + i, n - i);
    status = rnli_ids_room(&ids, len);
    if (status != RNL_OK) break;
    int32_t id = rnli_words_find(b->token, s + i, len);
    if (id >= 0 && b->whole[id]) ids.id[ids.n++] = id;
    else ids.n += (size_t)join_piece(b, s + i, len, ids.id + ids.n);
  }
  return rnli_ids_tensor(&ids, status, out);
}


int rnl_bpe_decode (rnl_Bpe *b, const int32_t *id, size_t n, char **out,
                    size_t *nout) {
  return rnl_words_decode(b->token, id, n, out, nout);
}

/* }====================================================================== */

/* {== From a list ======================================================== */

static int add_listed (rnl_Bpe *b, const int32_t *part, size_t *room) {
  char s[RNL_MAX_PIECE];
  int size = rnl_bpe_size(b), base = b->ctx->base;
  for (int i = 0; i < 2; i++)
    if (part[i] < 0 || part[i] >= size)
      return rnli_error(b->ctx, RNL_EFORMAT, "bpe: token %d is made of token "
                        "%lld, which does not come before it", size + base,
                        (long long)part[i] + base);
  size_t n = join(b, part[0], part[1], s);
  if (n == 0)
    return rnli_error(b->ctx, RNL_EFORMAT, "bpe: token %d has more than %d "
                      "bytes", size + base, RNL_MAX_PIECE);
  if (rnli_words_find(b->token, s, n) >= 0)
    return rnli_error(b->ctx, RNL_EFORMAT, "bpe: token %d has the bytes of "
                      "another one", size + base);
  return add_token(b, part[0], part[1], s, n, room);
}


int rnl_bpe_new (rnl_Context *ctx, const int32_t *part, size_t k,
                 rnl_Bpe **out) {
  rnl_Bpe *b;
  size_t room = 0;
  int status = bpe_make(ctx, &b);
  *out = NULL;
  for (size_t i = 0; i < k && status == RNL_OK; i++)
    status = add_listed(b, part + 2 * i, &room);
  if (status == RNL_OK) status = close_bpe(b);
  if (status == RNL_OK) *out = b;
  else rnl_bpe_free(b);
  return status;
}

/* }====================================================================== */

/* {== Learning =========================================================== */

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
  Pairs pairs;          /* which of 'pair' it is */
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
  int32_t found = find_pair(&l->pairs, left, right)->value;
  if (found != NONE) return &l->pair[found];
  Pair *pair = rnli_grow(l->ctx, l->pair, l->npair, l->npair + 1, sizeof *pair,
                         &l->pair_room, "pairs of tokens");
  if (!pair) return NULL;
  l->pair = pair;
  if (add_pair(l->ctx, &l->pairs, left, right, (int32_t)l->npair) != RNL_OK)
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
  l->pair[find_pair(&l->pairs, left, right)->value].count -=
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
  int status = grow_pairs(l->ctx, &l->pairs, LEAST_SLOTS);
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
static int learn_one (Learner *l, rnl_Bpe *b, size_t *room) {
  char s[RNL_MAX_PIECE];
  Top top = pop(l);
  const Pair *p = &l->pair[top.pair];
  if (p->count < top.count) return push(l, top.pair);
  size_t n = join(b, p->left, p->right, s);
  if (rnli_words_find(b->token, s, n) >= 0) return RNL_OK;   /* it is there */
  int id = rnl_bpe_size(b);
  int status = add_token(b, p->left, p->right, s, n, room);
  return status == RNL_OK ? join_all(l, top.pair, id) : status;
}


static int learn (Learner *l, rnl_Bpe *b, int size) {
  size_t room = 0;
  int status = fill(l);
  if (status == RNL_OK) status = count_pairs(l);
  for (size_t i = 0; i < l->npair && status == RNL_OK; i++)
    status = push(l, (int32_t)i);
  while (status == RNL_OK && rnl_bpe_size(b) < size && l->nheap > 0)
    status = learn_one(l, b, &room);
  return status;
}


int rnl_bpe_fit (const rnl_Words *pieces, int size, uint64_t least,
                 rnl_Bpe **out) {
  rnl_Context *ctx = rnli_words_context(pieces);
  Learner l = {.ctx = ctx, .words = pieces, .least = least ? least : 1};
  rnl_Bpe *b;
  int status = bpe_make(ctx, &b);
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
  if (status == RNL_OK) status = close_bpe(b);
  if (status == RNL_OK) *out = b;
  else rnl_bpe_free(b);
  return status;
}

/* }====================================================================== */
