/*
** topk.c - the largest of some numbers, by a heap with the worst on top.
*/
#include "infer/topk.h"

static int before (const float *x, int32_t a, int32_t b) {
  return x[a] > x[b] || (x[a] == x[b] && a < b);
}


/* Place i of a heap of n goes down to where it belongs. */
static void sink (const float *x, int32_t *heap, int n, int i) {
  int32_t place = heap[i];
  for (int child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && before(x, heap[child], heap[child + 1])) child++;
    if (!before(x, place, heap[child])) break;
    heap[i] = heap[child];
  }
  heap[i] = place;
}


void rnli_topk (const float *x, int n, int k, int32_t *heap) {
  for (int32_t i = 0; i < k; i++) heap[i] = i;
  for (int i = k / 2 - 1; i >= 0; i--) sink(x, heap, k, i);
  for (int32_t i = k; i < n; i++) {
    if (k == 0 || !before(x, i, heap[0])) continue;
    heap[0] = i;
    sink(x, heap, k, 0);
  }
  for (int left = k - 1; left > 0; left--) {
    int32_t worst = heap[0];
    heap[0] = heap[left];
    heap[left] = worst;
    sink(x, heap, left, 0);
  }
}
