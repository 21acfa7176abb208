/*
** tag.c - tags for sentences, one a line with spaces between its words, by a
** model of scripts/train_tagger.lua that reads words alone.
** Usage: tag MODEL < TEXT
*/
#include <stdio.h>
#include <string.h>

#include "rnnlua_infer.h"

enum { LINE = 8192, WORDS = 1000 };

static int split (char *line, const char **words) {
  int n = 0;
  char *word = strtok(line, " \t\r\n");
  for (; word && n < WORDS; word = strtok(NULL, " \t\r\n")) words[n++] = word;
  return n;
}


static int tag_lines (rnl_State *s, FILE *from) {
  static char line[LINE];
  const char *words[WORDS];
  int32_t tags[WORDS];
  const rnl_Model *model = rnl_state_model(s);
  while (fgets(line, sizeof line, from)) {
    int n = split(line, words);
    int status = rnl_state_tag(s, words, n, NULL, tags);
    if (status != RNL_OK) return status;
    for (int i = 0; i < n; i++)
      printf("%s%s/%s", i ? " " : "", words[i],
             rnl_model_label(model, tags[i]));
    printf("\n");
  }
  return RNL_OK;
}


int main (int argc, char **argv) {
  char why[RNL_MAX_ERROR] = "not enough memory";
  rnl_Model *model;
  rnl_State *s = NULL;
  if (argc != 2) {
    fprintf(stderr, "usage: tag MODEL < TEXT\n");
    return 2;
  }
  int status = rnl_model_load(argv[1], NULL, &model, why);
  if (status == RNL_OK) status = rnl_state_new(model, NULL, &s);
  if (status == RNL_OK) status = tag_lines(s, stdin);
  if (status != RNL_OK)
    fprintf(stderr, "tag: %s\n", s ? rnl_state_error(s) : why);
  rnl_state_free(s);
  rnl_model_release(model);
  return status == RNL_OK ? 0 : 1;
}
