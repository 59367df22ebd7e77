// What is known about one guard, and about the flags that go with it, at one place of a function.
//
// A State is one way of having come there; States are all of them. Two ways that know the same are one: the set is
// finite, so that loops come to an end.
#pragma once

#include <clang/AST/Decl.h>
#include <clang/Basic/SourceLocation.h>

#include <optional>
#include <utility>
#include <vector>

namespace asyncdrop_tidy {

/// What a guard is at a place.
enum class Status {
    outside,  ///< not declared yet, or out of scope again
    empty,    ///< holds nothing: made so, or moved from
    armed,    ///< may hold something that wants its drop
    dropped,
    unknown,  ///< somebody else may have dropped or moved it: no claims are made
};

/// One way of having come to a place.
struct State {
    Status status = Status::outside;
    /// Where the guard became armed or dropped.
    clang::SourceLocation since;
    /// Local variables whose truth is known, ordered by address.
    std::vector<std::pair<const clang::VarDecl*, bool>> known;

    std::optional<bool> truth_of(const clang::VarDecl* variable) const;
    void learn(const clang::VarDecl* variable, bool truth);
    void forget(const clang::VarDecl* variable);
};

/// All ways of having come to a place; none: the place cannot be reached.
class States {
  public:
    States() = default;
    explicit States(State state) { add(std::move(state)); }

    bool empty() const { return states_.empty(); }
    auto begin() const { return states_.begin(); }
    auto end() const { return states_.end(); }

    /// Whether that was new.
    bool add(State state);
    /// Whether any of `others` was new.
    bool add(const States& others);
    void clear() { states_.clear(); }

    /// Those of which keep(state) is true.
    template <class Keep>
    States only(Keep keep) const {
        States kept;
        for (const State& state : states_)
            if (keep(state)) kept.states_.push_back(state);
        return kept;
    }
    /// Changes every state with change(state).
    template <class Change>
    void each(Change change) {
        States changed;
        for (State& state : states_) {
            change(state);
            changed.add(std::move(state));
        }
        *this = std::move(changed);
    }
    /// Gives every state that is in scope this status.
    void become(Status status, clang::SourceLocation where) {
        each([&](State& state) {
            if (state.status == Status::outside) return;
            state.status = status;
            state.since = where;
        });
    }

  private:
    // So many ways that what the flags are is forgotten.
    static constexpr std::size_t most = 64;

    std::vector<State> states_;
};

}  // namespace asyncdrop_tidy
