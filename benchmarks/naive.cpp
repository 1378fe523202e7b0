// Every pair in full: what one writes first.
#include "kernels.hpp"

extern "C" void pairs_naive(const Tracks *a, const Tracks *b, const Task *t, int32_t *by_first, int32_t *by_second,
                            int64_t *mass) {
  for (int64_t i = 0; i < a->n; ++i)
    for (int64_t j = 0; j < b->n; ++j)
      count(reconstruct(a->x[i], a->y[i], a->tx[i], a->ty[i], a->pz[i], b->x[j], b->y[j], b->tx[j], b->ty[j], b->pz[j], *t),
            *t, i, j, by_first, by_second, mass);
}
