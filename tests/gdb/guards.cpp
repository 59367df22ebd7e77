// Guards in all their states, for gdb to look at: the test stops in look_at_them().
#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/registry.hpp>
#include <cstdlib>

struct File {
    int number = 0;
    void async_drop_impl() noexcept {}
};

template <class... Guards>
[[gnu::noinline]] void look_at_them(const Guards&... guards) {
    asm volatile("" : : "r"(sizeof...(guards)) : "memory");
}

int main() {
    asyncdrop::set_guard_registry(true);
    auto armed = asyncdrop::make_guard<File>(11);
    auto boxed = asyncdrop::make_box<File>(22);
    auto dropped = asyncdrop::make_guard<File>(33);
    dropped.drop_now();
    asyncdrop::AsyncDropGuard<File> empty;
    asyncdrop::AsyncDropArc<File> arc(asyncdrop::make_guard<File>(44));
    asyncdrop::name_live_guard(armed, "the journal");
    look_at_them(armed, boxed, dropped, empty, arc);
    std::_Exit(0);  // without a drop: there is no context to run it
}
