// Package notifytest is what channels are tested with: a contract suite that
// every channel passes, and stand-ins for Slack and for a mail server that
// check requests as the real ones do. Channel tests, end-to-end tests and the
// demo use it; the stand-ins themselves need no test to run. They listen on
// loopback only and store nothing.
package notifytest
