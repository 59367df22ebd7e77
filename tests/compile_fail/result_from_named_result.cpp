// expect: the guard is taken out: pass std::move\(result\)
// g++ 12: error: static assertion failed: the guard is taken out: pass std::move(result)
// Whoever reads `from(opened)` would not expect that the guard is gone afterwards.
#include <asyncdrop/result.hpp>

#include "file.hpp"

using Opened = boost::system::result<asyncdrop::AsyncDropGuard<File>>;

bool run(Opened opened) {
    using Result = asyncdrop::AsyncDropResult<File, boost::system::error_code>;
#ifdef MISTAKE
    auto result = Result::from(opened);
#else
    auto result = Result::from(std::move(opened));
#endif
    return result->has_value();
}
