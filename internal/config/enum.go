package config

// An enum lists its allowed values, for the decoder, the schema and the docs.
type enum interface{ Values() []string }

// Layout is how an instance's files are spread over folders.
type Layout string

// The layouts.
const (
	Flat    Layout = "flat"
	Sharded Layout = "sharded"
)

// Values lists what is allowed.
func (Layout) Values() []string { return []string{string(Flat), string(Sharded)} }

// Direction says which side may be written.
type Direction string

// The directions.
const (
	Pull   Direction = "pull"
	Apply  Direction = "apply"
	TwoWay Direction = "two-way"
)

// Values lists what is allowed.
func (Direction) Values() []string { return []string{string(Pull), string(Apply), string(TwoWay)} }

// Writes reports whether the server may be written.
func (d Direction) Writes() bool { return d == Apply || d == TwoWay }

// Overwrite says which side wins, value by value.
type Overwrite string

// The overwrite policies.
const (
	Never       Overwrite = "never"
	IfUnchanged Overwrite = "if-unchanged"
	Always      Overwrite = "always"
)

// Values lists what is allowed.
func (Overwrite) Values() []string {
	return []string{string(Never), string(IfUnchanged), string(Always)}
}

// OnConflict says what happens when both sides changed a value.
type OnConflict string

// The ways to treat a conflict.
const (
	Stop     OnConflict = "stop"
	GitWins  OnConflict = "git"
	LiveWins OnConflict = "live"
	Branch   OnConflict = "branch"
)

// Values lists what is allowed.
func (OnConflict) Values() []string {
	return []string{string(Stop), string(GitWins), string(LiveWins), string(Branch)}
}

// OnLiveEdit says what becomes of a value that only the server changed.
type OnLiveEdit string

// The ways to treat an edit on the server.
const (
	AcceptEdit OnLiveEdit = "accept"
	NotifyEdit OnLiveEdit = "notify"
	RevertEdit OnLiveEdit = "revert"
)

// Values lists what is allowed.
func (OnLiveEdit) Values() []string {
	return []string{string(AcceptEdit), string(NotifyEdit), string(RevertEdit)}
}

// SignFormat is the kind of the key that signs commits.
type SignFormat string

// The kinds of keys.
const (
	SignSSH     SignFormat = "ssh"
	SignOpenPGP SignFormat = "openpgp"
)

// Values lists what is allowed.
func (SignFormat) Values() []string { return []string{string(SignSSH), string(SignOpenPGP)} }

// LogLevel is the least important level that is logged.
type LogLevel string

// Values lists what is allowed.
func (LogLevel) Values() []string { return []string{"debug", "info", "warn", "error"} }

// LogFormat is how log lines look.
type LogFormat string

// The log formats.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Values lists what is allowed.
func (LogFormat) Values() []string {
	return []string{string(LogAuto), string(LogText), string(LogJSON)}
}
