// RDataFrame with the cuts of dimuon.hpp in one compiled lambda.
#include <ROOT/RDataFrame.hxx>

#include "dimuon.hpp"

using Ints = ROOT::RVec<std::int32_t>;
using Floats = ROOT::RVec<float>;

extern "C" void frame(const char* path, dimuon::Counts* counts) {
  ROOT::RDataFrame events("events", path);
  auto judge = [counts](int, int, const Ints& charge, const Ints& chambers, const Floats& p, const Floats& time, const Floats& chi2, const Floats& x1,
                  const Floats& y1, const Floats& z1, const Floats& tx1, const Floats& ty1, const Floats& x2, const Floats& y2,
                  const Floats& z2, const Floats& tx2, const Floats& ty2, const Floats& lx, const Floats& ly, const Floats& le,
                  const Floats& mx, const Floats& my, const Floats& mt, const Floats& lav, float trigger, double) {
    const dimuon::Tracks tracks{p.size(), charge.data(), chambers.data(), p.data(), time.data(), chi2.data(), x1.data(), y1.data(),
                                z1.data(), tx1.data(), ty1.data(), x2.data(), y2.data(), z2.data(), tx2.data(), ty2.data()};
    counts->add(dimuon::failed(tracks, trigger, {lx.size(), lx.data(), ly.data(), le.data()},
                               {mx.size(), mx.data(), my.data(), mt.data()}, lav.size(), lav.data()));
  };
  events.Foreach(judge, {"run", "burst", "tracks_charge", "tracks_n_chambers", "tracks_p", "tracks_time", "tracks_chi2", "tracks_x_before",
                         "tracks_y_before", "tracks_z_before", "tracks_tx_before", "tracks_ty_before", "tracks_x_after",
                         "tracks_y_after", "tracks_z_after", "tracks_tx_after", "tracks_ty_after", "lkr_x", "lkr_y", "lkr_energy",
                         "muv3_x", "muv3_y", "muv3_time", "lav_time", "trigger_time", "weight"});
}
