/*
** unit.h - the kinds of recurrent cell, and how their gates lie in panels.
*/
#ifndef RNLI_UNIT_H
#define RNLI_UNIT_H

#include "kernels/kernels.h"

/*
** A product of a cell: 'gate' names the gate of each of its vectors in a panel,
** 'dgate' that of each vector of gradients, which begin at vector 'from'.
*/
typedef struct rnli_Product {
  int vecs;                   /* gates * groups */
  int gate[RNLI_VECS], dgate[RNLI_VECS];
  int from;
} rnli_Product;

/* 'inner' is the product with what a cell makes of h first, if it has one. */
typedef struct rnli_Unit {
  int gates;                  /* of H rows each in the weights */
  int groups;                 /* of lanes units in a panel */
  rnli_Product x, h, inner;
  int split;                  /* the recurrent product stands apart (gru) */
  int cells;                  /* has a state c */
  int keeps;                  /* backward reads the gates */
} rnli_Unit;

extern const rnli_Unit rnli_unit[RNLI_NUNIT];

static inline int rnli_ceil_div (int a, int b) {
  return a / b + (a % b != 0);
}

/* Panels of the gates of H units. */
static inline int rnli_unit_panels (const rnli_Unit *u, int H, int lanes) {
  return rnli_ceil_div(H, u->groups * lanes);
}

/*
** The row of the weights that column 'col' of panel p stands for, 'gate' being
** the gates of its vectors; -1 for one that is there to fill the panel.
*/
static inline int rnli_unit_row (const rnli_Unit *u, const int *gate, int H,
                                 int lanes, int p, int col) {
  int v = col / lanes, lane = col % lanes;
  int group = u->groups > 1 ? v : 0;
  int unit = (p * u->groups + group) * lanes + lane;
  return unit < H ? gate[v] * H + unit : -1;
}

#define rnli_pack_gates RNLI_T(rnli_pack_gates)

/* Panel p of w', w (gates*H, n), for a product of the unit. */
void rnli_pack_gates (const rnli_Kernels *k, const rnli_Unit *u,
                      const rnli_Product *product, int H, const real *w, int n,
                      int p, void *to);

#endif
