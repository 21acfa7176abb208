/*
** work.c - work memory of states: a stack of blocks. When all of it is given
** back, several blocks are let go, and one as large as all of them is taken the
** next time: so the same work twice takes no memory the third time.
*/
#include "infer/infer.h"

/* At the start of a block. */
typedef struct Head {
  void *before;
  size_t used, size;    /* of the block before */
} Head;

enum { HEAD = 64, LEAST = 4096 };

_Static_assert(sizeof(Head) <= HEAD, "block head fits");


/* A block that begins with its head; 0 when memory is refused. */
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


static void drop (rnli_Work *w) {
  Head *head = w->block;
  rnli_Work before = {w->ctx, head->before, head->used, head->size};
  rnli_put(w->ctx, w->block);
  *w = before;
}


rnli_Mark rnli_work_mark (const rnli_Work *w) {
  return (rnli_Mark){w->block, w->used};
}


/* Blocks that came after the mark stay until all is given back. */
void rnli_work_back (rnli_Work *w, rnli_Mark mark) {
  if (w->block == mark.block) w->used = mark.used;
}


void rnli_work_reset (rnli_Work *w) {
  size_t all = 0;
  if (!w->block) return;
  Head *head = w->block;
  if (!head->before) {
    w->used = HEAD;
    return;
  }
  while (w->block) {
    all = rnli_add(all, w->size);
    drop(w);
  }
  rnl_trim(w->ctx);
  grow(w, all);   /* if not now, then when it is needed */
}


void rnli_work_free (rnli_Work *w) {
  while (w->block) drop(w);
}
