package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a container without zoneinfo must still know its time zones

	"github.com/robfig/cron/v3"
)

// Cron is a cron line; the zero Cron never fires.
type Cron struct {
	text  string
	sched cron.Schedule
}

// ParseCron reads five cron fields, a descriptor such as @daily, or
// @every DURATION of at least a second. A line that never fires, such as
// "0 0 31 2 *", is an error, and so is a time zone, which has a field of its
// own: robfig/cron 3.0.1 panics on a zone without fields and is silent about
// lines that never fire (facts F6, reproduced with v3.0.1).
func ParseCron(s string) (Cron, error) {
	line := strings.TrimSpace(s)
	if strings.HasPrefix(line, "TZ=") || strings.HasPrefix(line, "CRON_TZ=") {
		return Cron{}, fmt.Errorf("%q: the time zone goes into timezone:, not into the cron line", s)
	}
	if rest, ok := strings.CutPrefix(line, "@every"); ok {
		if err := checkEvery(rest); err != nil {
			return Cron{}, fmt.Errorf("%q: %w", s, err)
		}
	}
	sched, err := parseGuarded(line)
	if err != nil {
		return Cron{}, fmt.Errorf("%q is no cron line: %w (five fields: minute hour day month weekday, or @every 30s)", s, err)
	}
	// From just before a leap year, so that 29 February is found.
	if sched.Next(time.Date(2023, 12, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Cron{}, fmt.Errorf("%q never fires: there is no such day", s)
	}
	return Cron{text: line, sched: sched}, nil
}

func checkEvery(rest string) error {
	d, err := time.ParseDuration(strings.TrimSpace(rest))
	switch {
	case err != nil:
		return errors.New("@every needs a duration such as 30s, 5m or 1h30m")
	case d < time.Second:
		return errors.New("@every must be at least 1s")
	case d%time.Second != 0:
		return errors.New("@every counts in whole seconds")
	}
	return nil
}

// parseGuarded calls the library behind recover: it panics on some lines.
func parseGuarded(line string) (s cron.Schedule, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, errors.New("it cannot be parsed")
		}
	}()
	s, err = cron.ParseStandard(line)
	if spec, ok := s.(*cron.SpecSchedule); ok {
		spec.Location = time.UTC
	}
	return s, err
}

// UnmarshalText reads what ParseCron reads.
func (c *Cron) UnmarshalText(b []byte) (err error) {
	*c, err = ParseCron(string(b))
	return err
}

// String is the line as written.
func (c Cron) String() string { return c.text }

// IsZero reports whether nothing is scheduled.
func (c Cron) IsZero() bool { return c.sched == nil }

// In is the schedule in a time zone, for robfig/cron; nil when nothing is
// scheduled.
func (c Cron) In(zone *time.Location) cron.Schedule {
	if spec, ok := c.sched.(*cron.SpecSchedule); ok {
		local := *spec
		local.Location = zone
		return &local
	}
	return c.sched
}

// Location is the time zone of the instance's cron lines.
func (i *Instance) Location() *time.Location {
	if zone, err := time.LoadLocation(i.Timezone); err == nil {
		return zone // checked when the config was read
	}
	return time.UTC
}
