// The creation site of a variadic function's caller.
//
// A default argument cannot follow a deduced pack, so functions like make_guard<T>(args...) are overloaded
// for 0 to 8 arguments, each with a last parameter `CreationSite site = CreationSite::here()`. A caller that
// has a site of its own (a factory that reports *its* caller) passes it as the last argument: the overload
// with the CreationSite is more specialised and wins.
//
// More arguments than 8 are refused with a sentence; name##_at has no limit.
//
// ASYNCDROP_DETAIL_BY_ARITY(Result, name) defines `Result<T> name<T>(args..., site)` in terms of
// `name##_at<T>(site, args...)`.
#pragma once

#define ASYNCDROP_DETAIL_ARITY(Result, name, templates, parameters, arguments)          \
    template <class T ASYNCDROP_DETAIL_UNWRAP templates>                                \
    [[nodiscard]] Result<T> name(ASYNCDROP_DETAIL_UNWRAP parameters CreationSite site = \
                                     CreationSite::here()) {                            \
        return name##_at<T>(site ASYNCDROP_DETAIL_UNWRAP arguments);                    \
    }
#define ASYNCDROP_DETAIL_UNWRAP(...) __VA_ARGS__
#define ASYNCDROP_DETAIL_BY_ARITY(Result, name)                                                              \
    ASYNCDROP_DETAIL_ARITY(Result, name, (), (), ())                                                         \
    ASYNCDROP_DETAIL_ARITY(Result, name, (, class A1), (A1 && a1, ), (, static_cast<A1&&>(a1)))              \
    ASYNCDROP_DETAIL_ARITY(Result, name, (, class A1, class A2), (A1 && a1, A2 && a2, ),                     \
                           (, static_cast<A1&&>(a1), static_cast<A2&&>(a2)))                                 \
    ASYNCDROP_DETAIL_ARITY(Result, name, (, class A1, class A2, class A3), (A1 && a1, A2 && a2, A3 && a3, ), \
                           (, static_cast<A1&&>(a1), static_cast<A2&&>(a2), static_cast<A3&&>(a3)))          \
    ASYNCDROP_DETAIL_ARITY(                                                                                  \
        Result, name, (, class A1, class A2, class A3, class A4),                                            \
        (A1 && a1, A2 && a2, A3 && a3, A4 && a4, ),                                                          \
        (, static_cast<A1&&>(a1), static_cast<A2&&>(a2), static_cast<A3&&>(a3), static_cast<A4&&>(a4)))      \
    ASYNCDROP_DETAIL_ARITY(Result, name, (, class A1, class A2, class A3, class A4, class A5),               \
                           (A1 && a1, A2 && a2, A3 && a3, A4 && a4, A5 && a5, ),                             \
                           (, static_cast<A1&&>(a1), static_cast<A2&&>(a2), static_cast<A3&&>(a3),           \
                            static_cast<A4&&>(a4), static_cast<A5&&>(a5)))                                   \
    ASYNCDROP_DETAIL_ARITY(Result, name, (, class A1, class A2, class A3, class A4, class A5, class A6),     \
                           (A1 && a1, A2 && a2, A3 && a3, A4 && a4, A5 && a5, A6 && a6, ),                   \
                           (, static_cast<A1&&>(a1), static_cast<A2&&>(a2), static_cast<A3&&>(a3),           \
                            static_cast<A4&&>(a4), static_cast<A5&&>(a5), static_cast<A6&&>(a6)))            \
    ASYNCDROP_DETAIL_ARITY(                                                                                  \
        Result, name, (, class A1, class A2, class A3, class A4, class A5, class A6, class A7),              \
        (A1 && a1, A2 && a2, A3 && a3, A4 && a4, A5 && a5, A6 && a6, A7 && a7, ),                            \
        (, static_cast<A1&&>(a1), static_cast<A2&&>(a2), static_cast<A3&&>(a3), static_cast<A4&&>(a4),       \
         static_cast<A5&&>(a5), static_cast<A6&&>(a6), static_cast<A7&&>(a7)))                               \
    ASYNCDROP_DETAIL_ARITY(                                                                                  \
        Result, name, (, class A1, class A2, class A3, class A4, class A5, class A6, class A7, class A8),    \
        (A1 && a1, A2 && a2, A3 && a3, A4 && a4, A5 && a5, A6 && a6, A7 && a7, A8 && a8, ),                  \
        (, static_cast<A1&&>(a1), static_cast<A2&&>(a2), static_cast<A3&&>(a3), static_cast<A4&&>(a4),       \
         static_cast<A5&&>(a5), static_cast<A6&&>(a6), static_cast<A7&&>(a7), static_cast<A8&&>(a8)))        \
    template <class T, class A1, class A2, class A3, class A4, class A5, class A6, class A7, class A8,       \
              class A9, class... More>                                                                       \
    Result<T> name(A1&&, A2&&, A3&&, A4&&, A5&&, A6&&, A7&&, A8&&, A9&&, More&&...) {                        \
        static_assert(sizeof...(More) > sizeof(Result<T>) * 1000,                                            \
                      #name " takes up to 8 arguments: pass more with " #name                                \
                            "_at<T>(asyncdrop::CreationSite::here(), args...)");                             \
    }
