// AsyncDropArc<Derived> as AsyncDropArc<Base>.

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/shared.hpp>
#include <string>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using test_support::run_coroutine;

class ArcOfBase : public testing::Test {
  protected:
    asio::io_context context;
    Journal journal;
};

static_assert(!std::has_virtual_destructor_v<ProbeBase>);
static_assert(std::is_convertible_v<AsyncDropArc<Probe>&&, AsyncDropArc<ProbeBase>>);
static_assert(!std::is_convertible_v<AsyncDropArc<ProbeBase>&&, AsyncDropArc<Probe>>);

TEST_F(ArcOfBase, DropsAndDestroysTheDerivedOne) {
    AsyncDropArc<ProbeBase> base = AsyncDropArc<Probe>(make_probe(journal, "it"));
    EXPECT_EQ(base->name(), "it");
    run_coroutine(context, base.async_drop());
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"drop it", "dropped it", "gone it"}));
}

TEST_F(ArcOfBase, SharesTheResourceWithOwnersThatKeptTheirType) {
    AsyncDropArc<Probe> derived(make_probe(journal, "it"));
    AsyncDropArc<ProbeBase> base = derived.clone();
    EXPECT_EQ(derived.strong_count(), 2u);
    EXPECT_TRUE(ptr_eq(derived, base));
    EXPECT_TRUE(ptr_eq(base, derived));
    EXPECT_EQ(ptr_hash(derived), ptr_hash(base));
    AsyncDropArc<Probe> other(make_probe(journal, "other"));
    EXPECT_FALSE(ptr_eq(base, other));
    run_coroutine(context, other.async_drop());
    run_coroutine(context, derived.async_drop());
    EXPECT_FALSE(journal.contains("drop it"));
    run_coroutine(context, base.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(ArcOfBase, LeavesTheArcItWasMadeOfEmpty) {
    AsyncDropArc<Probe> derived(make_probe(journal, "it"));
    AsyncDropArc<ProbeBase> base = std::move(derived);
    EXPECT_FALSE(static_cast<bool>(derived));  // NOLINT: that is the question
    EXPECT_EQ(base.strong_count(), 1u);
    run_coroutine(context, base.async_drop());
}

TEST_F(ArcOfBase, GivesABoxOfTheBaseBack) {
    AsyncDropArc<ProbeBase> base = AsyncDropArc<Probe>(make_probe(journal, "it"));
    std::optional<AsyncDropBox<ProbeBase>> box = base.into_inner();
    ASSERT_TRUE(box.has_value());
    EXPECT_EQ((*box)->name(), "it");
    run_coroutine(context, box->async_drop());
    EXPECT_TRUE(journal.contains("gone it"));
}

struct First {
    int first = 1;
};
struct Second {
    int second = 2;
};
struct Both : First, Second {
    explicit Both(bool& c) : closed(&c) {}
    void async_drop_impl() noexcept { *closed = true; }
    bool* closed;
};

TEST_F(ArcOfBase, FindsABaseThatIsNotTheFirst) {
    bool closed = false;
    AsyncDropArc<Second> second = AsyncDropArc<Both>(asyncdrop::make_guard<Both>(closed));
    EXPECT_EQ(second->second, 2);
    EXPECT_NE(second.resource_name().find("Both"), std::string_view::npos);
    run_coroutine(context, second.async_drop());
    EXPECT_TRUE(closed);
}

TEST_F(ArcOfBase, AForgottenOneIsReportedAndDestroysTheDerivedOne) {
    ForgottenRecorder recorder;
    {
        AsyncDropArc<ProbeBase> base = AsyncDropArc<Probe>(make_probe(journal, "it"));
    }
    ASSERT_EQ(ForgottenRecorder::entries().size(), 1u);
    EXPECT_TRUE(journal.contains("gone it"));
}

}  // namespace
