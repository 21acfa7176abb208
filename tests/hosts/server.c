/*
** server.c - one model, eight threads that answer requests: each line of stdin
** is the beginning of a text, and the line of stdout with the same number is
** how it goes on. Each thread has a state of its own; answers come in the order
** of the requests, whoever made them, and line i is drawn with seed i.
** Usage: server MODEL LENGTH
*/
#define _POSIX_C_SOURCE 200809L   /* getline, threads */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnlua_infer.h"

enum { WORKERS = 8, QUEUE = 64 };

/* A request, and then its answer. */
typedef struct Job {
  char *line;
  char *answer;
  int done;
} Job;

/* Job i lies at i % QUEUE: printed <= begun <= came <= printed + QUEUE. */
typedef struct Server {
  rnl_Model *model;
  int length;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  Job job[QUEUE];
  uint64_t came, begun, printed;
  int ended;                    /* no more will come */
} Server;

/* {== Answers ============================================================ */

/* Text of one line, a copy: its ends of lines become spaces. */
static char *one_line (const char *text, size_t n) {
  char *s = malloc(n + 1);
  if (!s) return NULL;
  for (size_t i = 0; i < n; i++) s[i] = text[i] == '\n' ? ' ' : text[i];
  s[n] = '\0';
  return s;
}


static char *answer (rnl_State *s, int32_t *ids, int length,
                     const char *line, uint64_t seed) {
  rnl_Rng rng;
  const char *text;
  size_t n;
  rnl_rng_seed(&rng, seed);
  rnl_state_reset(s);
  int status = rnl_state_prime(s, line, strlen(line));
  if (status == RNL_OK) status = rnl_state_sample(s, NULL, &rng, length, ids);
  if (status == RNL_OK)
    status = rnl_state_text(s, ids, (size_t)length, &text, &n);
  if (status == RNL_OK) return one_line(text, n);
  return one_line(rnl_state_error(s), strlen(rnl_state_error(s)));
}


/* Prints what is done, in order; the lock is held. */
static void print_done (Server *v) {
  for (;;) {
    Job *job = &v->job[v->printed % QUEUE];
    if (v->printed == v->begun || !job->done) break;
    puts(job->answer ? job->answer : "not enough memory");
    free(job->line);
    free(job->answer);
    *job = (Job){NULL, NULL, 0};
    v->printed++;
  }
  fflush(stdout);
}

/* }====================================================================== */

/* {== Threads ============================================================ */

/* The next job and its number, or NULL: there will be none. */
static Job *next_job (Server *v, uint64_t *number) {
  Job *job = NULL;
  pthread_mutex_lock(&v->lock);
  while (v->begun == v->came && !v->ended)
    pthread_cond_wait(&v->changed, &v->lock);
  if (v->begun < v->came) {
    *number = ++v->begun;
    job = &v->job[(*number - 1) % QUEUE];
  }
  pthread_mutex_unlock(&v->lock);
  return job;
}


static void *work (void *arg) {
  Server *v = arg;
  rnl_State *s = NULL;
  int32_t *ids = malloc((size_t)v->length * sizeof *ids);
  Job *job;
  uint64_t number;
  int ready = ids && rnl_state_new(v->model, NULL, &s) == RNL_OK;
  while ((job = next_job(v, &number)) != NULL) {
    char *text = ready ? answer(s, ids, v->length, job->line, number) : NULL;
    pthread_mutex_lock(&v->lock);
    job->answer = text;
    job->done = 1;
    print_done(v);
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
  }
  rnl_state_free(s);
  free(ids);
  return NULL;
}


/* Takes the line, once there is room for it. */
static void put_job (Server *v, char *line) {
  pthread_mutex_lock(&v->lock);
  while (v->came == v->printed + QUEUE)
    pthread_cond_wait(&v->changed, &v->lock);
  v->job[v->came++ % QUEUE].line = line;
  pthread_cond_broadcast(&v->changed);
  pthread_mutex_unlock(&v->lock);
}


static void read_requests (Server *v) {
  char *line = NULL;
  size_t room = 0;
  ssize_t n;
  while ((n = getline(&line, &room, stdin)) >= 0) {
    if (n > 0 && line[n - 1] == '\n') line[n - 1] = '\0';
    put_job(v, line);
    line = NULL;
    room = 0;
  }
  free(line);
}


/* Until the end of stdin; then what was begun is finished. */
static int serve (Server *v) {
  pthread_t thread[WORKERS];
  int n = 0;
  while (n < WORKERS && pthread_create(&thread[n], NULL, work, v) == 0) n++;
  if (n > 0) read_requests(v);
  pthread_mutex_lock(&v->lock);
  v->ended = 1;
  pthread_cond_broadcast(&v->changed);
  pthread_mutex_unlock(&v->lock);
  for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
  return n > 0 ? 0 : 1;
}

/* }====================================================================== */


int main (int argc, char **argv) {
  char why[RNL_MAX_ERROR];
  static Server v;
  v.length = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
  if (v.length < 1) {
    fprintf(stderr, "usage: server MODEL LENGTH\n");
    return 2;
  }
  if (rnl_model_load(argv[1], NULL, &v.model, why) != RNL_OK) {
    fprintf(stderr, "server: %s\n", why);
    return 1;
  }
  pthread_mutex_init(&v.lock, NULL);
  pthread_cond_init(&v.changed, NULL);
  int code = serve(&v);
  pthread_cond_destroy(&v.changed);
  pthread_mutex_destroy(&v.lock);
  rnl_model_release(v.model);
  return code;
}
