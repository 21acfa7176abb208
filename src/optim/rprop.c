/*
** rprop.c - resilient propagation (Riedmiller and Braun 1993) as
** torch.optim.Rprop, for gradients of the whole of the data:
**   g of the sign of the last one: size *= etaplus; of the other sign: size *=
**   etaminus and g = 0; size is kept in [step_min, step_max]
**   p -= sign(g) size
** The first size is lr.
*/
#include "core/real.h"

enum { LR, ETAMINUS, ETAPLUS, STEP_MIN, STEP_MAX };
enum { LAST, SIZE };


RNLI_WIDE
static void update (size_t n, real minus, real plus, real least, real most,
                    real *restrict p, const real *restrict grad,
                    real *restrict last, real *restrict size) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i];
    int same = (g > 0 && last[i] > 0) || (g < 0 && last[i] < 0);
    int turned = (g > 0 && last[i] < 0) || (g < 0 && last[i] > 0);
    real s = size[i] * (same ? plus : turned ? minus : 1);
    s = s > most ? most : s < least ? least : s;
    if (turned) g = 0;
    p[i] -= g > 0 ? s : g < 0 ? -s : 0;
    last[i] = g;
    size[i] = s;
  }
}


static void rprop_update (const rnl_Update *u) {
  const double *h = u->hyper;
  real *size = u->slot[SIZE];
  if (u->step == 1)
    for (size_t i = 0; i < u->n; i++) size[i] = (real)h[LR];
  update(u->n, (real)h[ETAMINUS], (real)h[ETAPLUS], (real)h[STEP_MIN],
         (real)h[STEP_MAX], u->param, u->grad, u->slot[LAST], size);
}


RNLI_OPTIM(rprop) = {
  .name = "rprop",
  .hyper = {{"lr", 1e-2}, {"etaminus", 0.5}, {"etaplus", 1.2},
            {"step_min", 1e-6}, {"step_max", 50}},
  .slot = {"last", "size"},
  .update = rprop_update,
  .doc = "Steps that grow and shrink by the signs of the gradient alone.",
};
