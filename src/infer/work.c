/*
** work.c - work memory of states: a stack of blocks. When some are given back,
** one as large as all of them takes their place: so the same work twice takes
** no memory the third time.
*/
#include "infer/infer.h"

/* At the start of a block. */
typedef struct Head {
  void *before;
  size_t used, size;    /* of the block before */
} Head;

enum { HEAD = 64, LEAST = 4096 };

_Static_assert(sizeof(Head) <= HEAD, "block head fits");


/* Another block, if memory is not refused. */
static int grow (rnli_Work *w, size_t size) {
  char *block = rnli_get(w->ctx, size);
  if (!block) return 0;
  *(Head *)(void *)block = (Head){w->block, w->used, w->size};
  w->block = block;
  w->used = HEAD;
  w->size = size;
  return 1;
}


void *rnli_work (rnli_Work *w, size_t n, size_t each) {
  size_t bytes = rnli_add(rnli_mul(n, each), 64);
  if (bytes != SIZE_MAX) bytes &= ~(size_t)63;
  if (bytes > w->size - w->used) {
    size_t size = rnli_add(bytes > LEAST ? bytes : LEAST, HEAD);
    if (!grow(w, size)) {
      rnli_nomem(w->ctx, "work memory", size);
      return NULL;
    }
  }
  char *p = (char *)w->block + w->used;
  w->used += bytes;
  return p;
}


float *rnli_floats (rnli_Work *w, size_t n, size_t each) {
  return rnli_work(w, rnli_mul(n, each), sizeof(float));
}


static void drop (rnli_Work *w) {
  Head *head = w->block;
  rnli_Work before = {w->ctx, head->before, head->used, head->size};
  rnli_put(w->ctx, w->block);
  *w = before;
}


rnli_Mark rnli_work_mark (const rnli_Work *w) {
  return (rnli_Mark){w->block, w->used};
}


void rnli_work_back (rnli_Work *w, rnli_Mark mark) {
  size_t all = 0;
  if (w->block == mark.block) {
    w->used = mark.used;
    return;
  }
  if (((Head *)w->block)->before == mark.block) {
    w->used = HEAD;
    return;
  }
  while (w->block != mark.block) {
    all = rnli_add(all, w->size);
    drop(w);
  }
  w->used = mark.used;
  rnl_trim(w->ctx);
  grow(w, all);   /* or it is taken once it is needed */
}


void rnli_work_reset (rnli_Work *w) {
  rnli_work_back(w, (rnli_Mark){NULL, 0});
}


void rnli_work_free (rnli_Work *w) {
  while (w->block) drop(w);
}
