/* The fused multiply-adds that this machine can do: FMA_THREADS threads, each with enough
 * independent chains to hide the latency, nothing read from memory. Prints GFLOP/s, the median of
 * a few short bursts: a burst that the machine disturbed does not count. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __AVX512F__
#define WIDTH 16
#define CHAINS 24
#elif defined(__AVX__)
#define WIDTH 8
#define CHAINS 12
#else
#define WIDTH 4
#define CHAINS 12
#endif
#define ROUNDS 2000000
#define BURSTS 9

typedef float vec __attribute__((vector_size(4 * WIDTH)));

static volatile float sink[64];
static pthread_barrier_t gate;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void burst(int thread) {
  vec acc[CHAINS];
  vec a, b;
  for (int i = 0; i < WIDTH; i++) {
    a[i] = 0.999f;
    b[i] = 1e-4f;
  }
  for (int c = 0; c < CHAINS; c++) acc[c] = b * (float)(c + thread);
  for (long r = 0; r < ROUNDS; r++) {
    /* Unrolled whole, so that the chains stay in registers. */
#pragma GCC unroll 24
    for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * a + b;
    __asm__ volatile("" : "+x"(a), "+x"(b));
  }
  float sum = 0;
  for (int c = 0; c < CHAINS; c++) sum += acc[c][0];
  sink[thread & 63] = sum;
}

static void* work(void* id) {
  for (int i = 0; i < BURSTS; i++) {
    pthread_barrier_wait(&gate);
    burst((int)(long)id);
    pthread_barrier_wait(&gate);
  }
  return NULL;
}

static int ascending(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > 256) return 1;
  pthread_t ids[256];
  double rates[BURSTS];
  pthread_barrier_init(&gate, NULL, (unsigned)threads);
  for (long i = 1; i < threads; i++) pthread_create(&ids[i], NULL, work, (void*)i);
  for (int i = 0; i < BURSTS; i++) {
    pthread_barrier_wait(&gate);
    const double begin = now();
    burst(0);
    pthread_barrier_wait(&gate);
    rates[i] = 2.0 * WIDTH * CHAINS * ROUNDS * threads / (now() - begin) * 1e-9;
  }
  for (long i = 1; i < threads; i++) pthread_join(ids[i], NULL);
  qsort(rates, BURSTS, sizeof(double), ascending);
  printf("%.2f\n", rates[BURSTS / 2]);
  return 0;
}
