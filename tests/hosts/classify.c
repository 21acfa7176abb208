/*
** classify.c - the likeliest label of each line and its probability, by a model
** of scripts/train_classifier.lua.
** Usage: classify MODEL < TEXT
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnlua_infer.h"

enum { LINE = 8192 };

static int likeliest (const float *p, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (p[i] > p[best]) best = i;
  return best;
}


/* p has room for the probability of each label. */
static int classify_lines (rnl_State *s, FILE *from, float *p, int labels) {
  static char line[LINE];
  while (fgets(line, sizeof line, from)) {
    int status = rnl_state_classify(s, line, strlen(line), p);
    if (status != RNL_OK) return status;
    int best = likeliest(p, labels);
    printf("%s\t%.4f\n", rnl_model_label(rnl_state_model(s), best),
           (double)p[best]);
  }
  return RNL_OK;
}


static int classify (rnl_State *s, FILE *from) {
  rnl_Sizes sizes;
  rnl_model_sizes(rnl_state_model(s), &sizes);
  float *p = malloc(((size_t)sizes.labels + 1) * sizeof *p);
  int status = p ? classify_lines(s, from, p, sizes.labels) : RNL_ENOMEM;
  free(p);
  return status;
}


int main (int argc, char **argv) {
  char why[RNL_MAX_ERROR] = "not enough memory";
  rnl_Model *model;
  rnl_State *s = NULL;
  if (argc != 2) {
    fprintf(stderr, "usage: classify MODEL < TEXT\n");
    return 2;
  }
  int status = rnl_model_load(argv[1], NULL, &model, why);
  if (status == RNL_OK) status = rnl_state_new(model, NULL, &s);
  if (status == RNL_OK) status = classify(s, stdin);
  if (status != RNL_OK)
    fprintf(stderr, "classify: %s\n", s ? rnl_state_error(s) : why);
  rnl_state_free(s);
  rnl_model_release(model);
  return status == RNL_OK ? 0 : 1;
}
