package asset

// ReadersAgree fails when the quick reader accepts what the library reads
// otherwise, and says whether it does accept.
var ReadersAgree = agree
