#include "guard_states.hpp"

#include <algorithm>
#include <functional>

namespace asyncdrop_tidy {

namespace {

bool before(const std::pair<const clang::VarDecl*, bool>& entry, const clang::VarDecl* variable) {
    return std::less<>()(entry.first, variable);
}

}  // namespace

std::optional<bool> State::truth_of(const clang::VarDecl* variable) const {
    const auto place = std::lower_bound(known.begin(), known.end(), variable, before);
    if (place == known.end() || place->first != variable) return std::nullopt;
    return place->second;
}

void State::learn(const clang::VarDecl* variable, bool truth) {
    const auto place = std::lower_bound(known.begin(), known.end(), variable, before);
    if (place != known.end() && place->first == variable) {
        place->second = truth;
    } else {
        known.insert(place, {variable, truth});
    }
}

void State::forget(const clang::VarDecl* variable) {
    const auto place = std::lower_bound(known.begin(), known.end(), variable, before);
    if (place != known.end() && place->first == variable) known.erase(place);
}

bool States::add(State state) {
    const auto same = [&state](const State& other) {
        return other.status == state.status && other.known == state.known;
    };
    if (std::any_of(states_.begin(), states_.end(), same)) return false;
    if (states_.size() >= most) {
        std::vector<State> before_this = std::exchange(states_, {});
        before_this.push_back(std::move(state));
        for (State& one : before_this) {
            one.known.clear();
            add(std::move(one));
        }
        return true;
    }
    states_.push_back(std::move(state));
    return true;
}

bool States::add(const States& others) {
    bool is_new = false;
    for (const State& state : others.states_) is_new |= add(state);
    return is_new;
}

}  // namespace asyncdrop_tidy
