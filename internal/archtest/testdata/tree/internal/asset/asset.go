package asset

import _ "github.com/dashkeep/dashkeep/internal/diff"
