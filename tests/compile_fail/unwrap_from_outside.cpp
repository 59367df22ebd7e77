// expect: private
// g++ 12: error: 'constexpr asyncdrop::UnwrapKey<T>::UnwrapKey() [with T = File]' is private within this context
// Only the type's own code can make the key that takes a value out without cleanup.
#include "file.hpp"

void run(asyncdrop::AsyncDropGuard<File> file) {
#ifdef MISTAKE
    auto bare = std::move(file).unsafe_into_inner_dont_drop(asyncdrop::UnwrapKey<File>());
#endif
    [[maybe_unused]] const auto other = std::move(file);
}
