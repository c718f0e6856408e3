#pragma once

/// The commit that Package.swift found when it was loaded.
const char *zweimaster_commit(void);
