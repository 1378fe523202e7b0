// The loop over events of `loop.py`: columns of floats as the file has them, lists of a collection behind one another.
#include "dimuon.hpp"

extern "C" void loop(std::size_t n, const std::int64_t* track_at, const std::int64_t* lkr_at, const std::int64_t* muv3_at,
                     const std::int64_t* lav_at, const float* trigger, const std::int32_t* const* ints, const float* const* floats,
                     dimuon::Counts* counts) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t t = track_at[i], l = lkr_at[i], m = muv3_at[i], v = lav_at[i];
    const dimuon::Tracks tracks{std::size_t(track_at[i + 1] - t), ints[0] + t, ints[1] + t,
                                floats[0] + t, floats[1] + t, floats[2] + t, floats[3] + t, floats[4] + t, floats[5] + t,
                                floats[6] + t, floats[7] + t, floats[8] + t, floats[9] + t, floats[10] + t, floats[11] + t,
                                floats[12] + t};
    const dimuon::Hits lkr{std::size_t(lkr_at[i + 1] - l), floats[13] + l, floats[14] + l, floats[15] + l};
    const dimuon::Hits muv3{std::size_t(muv3_at[i + 1] - m), floats[16] + m, floats[17] + m, floats[18] + m};
    counts->add(dimuon::failed(tracks, trigger[i], lkr, muv3, std::size_t(lav_at[i + 1] - v), floats[19] + v));
  }
}
