// A doubly linked list, in the order of begins.
#include "demofs/store/operation_watch.hpp"

namespace demofs::store {

OperationWatch::Entry::Entry(OperationWatch* watch, OperationKind kind, std::string_view object) noexcept
    : watch_(watch), kind_(kind), object_(object) {
    if (watch == nullptr) return;
    begun_ = Clock::now();
    older_ = watch->newest_;
    (older_ != nullptr ? older_->newer_ : watch->oldest_) = this;
    watch->newest_ = this;
}

OperationWatch::Entry::~Entry() {
    if (watch_ == nullptr) return;
    (older_ != nullptr ? older_->newer_ : watch_->oldest_) = newer_;
    (newer_ != nullptr ? newer_->older_ : watch_->newest_) = older_;
}

OperationWatch::~OperationWatch() {
    for (Entry* entry = oldest_; entry != nullptr; entry = entry->newer_) entry->watch_ = nullptr;
}

std::optional<OperationWatch::Operation> OperationWatch::oldest() const {
    if (oldest_ == nullptr) return std::nullopt;
    Operation operation;
    operation.kind = oldest_->kind_;
    operation.object = oldest_->object_;
    operation.begun = oldest_->begun_;
    return operation;
}

std::string operation_text(const OperationWatch::Operation& operation) {
    std::string text(to_string(operation.kind));
    if (!operation.object.empty()) text += " of " + operation.object;
    return text;
}

}  // namespace demofs::store
