package platformtest

// Cases is the table, in the order it is run.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{readCases(), viewCases(), writeCases(), deleteCases(), idCases(), faultCases(), loadCases()} {
		all = append(all, group...)
	}
	return all
}

func readCases() []Case {
	return []Case{
		{Name: "ping names server and user", Run: pingNames,
			Asks: "Ping logs in and fills User, and Version with Tested where the server tells its version: look at what the server answers to \"who am I\"."},
		{Name: "wrong password is a login error", Run: wrongPassword,
			Asks: "Ping turns refused credentials into a *platform.LoginError that does not show them: look at the status and body of the login answer."},
		{Name: "empty server lists nothing", Run: emptyListsNothing,
			Asks: "A server without assets gives an empty List and an empty Export and no error: look at what stands in an empty answer, and at objects that come with the product."},
		{Name: "list and export agree", Run: listAndExportAgree,
			Asks: "Everything that List names, with a title and a kind of the factory, comes out of Export under the same title or as an *asset.Error, and nothing else does: look at paging and at objects that the export leaves out."},
		{Name: "export of some gives exactly those", Run: exportOfSome,
			Asks: "Export with ids yields exactly those documents, as equal as in an export of everything: look at what else the export request brings along."},
		{Name: "export twice has no noise", Run: noNoise,
			Asks: "Reading again, on the same or a new connection, gives the same bytes: look for times, counters and orders without meaning, and drop or sort them in the rules."},
		{Name: "reading writes nothing", Run: readingWritesNothing,
			Asks: "Ping, List and Export change nothing on the server: look for requests other than GET."},
		{Name: "canonical form is a fixpoint", Run: canonicalIsFixpoint,
			Asks: "A canonical file that is loaded again stays byte by byte the same: look for a rule or hook that is not done after the first time."},
		{Name: "references resolve", Run: referencesResolve,
			Asks: "References name assets that are listed, or are missing-… where the server points to nothing, and go to kinds that come earlier in Factory.Kinds: look at Raw.Lookup and the Ref rules."},
		{Name: "secrets are never in content", Run: secretsStayOut,
			Asks: "No secret of the server stands in a document, a title, a URL, a note or an error: look for fields without a Redact rule."},
	}
}

func viewCases() []Case {
	return []Case{
		{Name: "an edit moves one asset and names its editor", Run: editMovesOne,
			Asks: "After an edit in the server one document differs, and the list names who made it and a later time, where it names them at all: look at caches of earlier readings."},
		{Name: "wiped server lists nothing and fails nothing", Run: wipedListsNothing,
			Asks: "After the server has lost everything, List and Export are empty and no error: look at what is kept from earlier readings."},
		{Name: "what this account may not see is not gone", Run: hiddenIsNotGone,
			Asks: "Where the server shows each account its own part, the platform says by a method Viewer(ctx) (string, error) whose part this is; Export of an id that is forbidden yields an *asset.Error for it, never nothing and never an older copy: look at 403 and 404 of the request for one object."},
		{Name: "listed but not exported is named", Run: omittedIsNamed,
			Asks: "What is listed but does not come out of the server's export is yielded as an *asset.Error: compare the export with the list before it ends."},
	}
}

func writeCases() []Case {
	return []Case{
		{Name: "round trip to other ids gives equal bytes", Run: roundTrip,
			Asks: "Everything imported into an empty server, where other row ids apply, reads back with the same bytes: look for fields that Import leaves out, and for references written with the old ids."},
		{Name: "a second import changes nothing", Run: secondImport,
			Asks: "Importing what is there already changes nothing: look for values that the server appends to or derives from each write."},
		{Name: "a write touches only its own asset", Run: narrowWrite,
			Asks: "After one asset of a kind is written, exactly that asset differs: look for writes that the server answers with OK and carries out on too little or too much."},
		{Name: "dependencies are not overwritten", Run: dependenciesStay,
			Asks: "Import leaves what an asset refers to as it is on the server, also when deps hold an older copy: look at what travels along in the request."},
		{Name: "a change between reading and writing is not lost", Run: changeBetweenStays,
			Asks: "Import writes no value of another asset that was read earlier: look for requests that send a whole collection, and for caches that are written back."},
		{Name: "non-ASCII and YAML traps survive", Run: nonASCII,
			Asks: "Titles of any script, and such as YAML would read as a number or a truth value, come back as they were: look at encodings, escapes and quoting."},
		{Name: "one bad asset does not stop the rest", Run: badAssetAlone,
			Asks: "An asset that the server refuses gets the error in its own Result, and the rest of the batch is written: split a refused batch until the bad one stands alone."},
		{Name: "what it cannot do it refuses", Run: limitsAreRefused,
			Asks: "What Factory.Limits and Caps rule out ends with an error, or a note in Result.Omitted, never with a success that did nothing: look at Import and Delete of that kind."},
		{Name: "read-back sees through a lying server", Run: lyingServer,
			Asks: "Export after a write shows what the server holds, not what was sent to it: look for copies kept by Import."},
	}
}

func deleteCases() []Case {
	return []Case{
		{Name: "deleted is gone, and can come back", Run: deleteAndReturn,
			Asks: "Delete removes the asset, is no error when it is not there, and Import can create it again under the same uid: look at recycle bins and archived flags."},
		{Name: "deleting removes nothing else", Run: deleteIsNarrow,
			Asks: "After Delete of one asset everything else is as before: look at what the server deletes along with it."},
		{Name: "a deletion that did not happen is seen", Run: lyingDelete,
			Asks: "When the server says OK to Delete and keeps the asset, List and Export go on showing it: look for lists that Delete edits on its own."},
	}
}

func idCases() []Case {
	return []Case{
		{Name: "ids stay the same after an import", Run: idsStay,
			Asks: "What was imported is listed under the uids that were asked for, on a server with other ids of its own and on every later connection: call IDs.Bind right after each create."},
		{Name: "a lost id map is rebuilt", Run: lostMapIsRebuilt,
			Asks: "Recognize finds every known asset that has its kind, title and content for itself, binds it and counts it, so that reading gives the same uids and bytes as before: look at the order of kinds, and at references that stand in the compared content."},
		{Name: "twins are not mistaken for one another", Run: twinsAreLeftAlone,
			Asks: "Recognize binds nothing that has the same kind, title and content as another asset or object: count both sides before binding."},
	}
}

func faultCases() []Case {
	return []Case{
		{Name: "session expiry in mid-run is bridged", Run: expiryBridged,
			Asks: "A session that ends between or in the middle of calls is renewed, and nothing is lost or fails: log in again once on the answer that means expiry, and repeat the request."},
		{Name: "throttling is waited for", Run: throttleHonoured,
			Asks: "When the server asks for patience, the platform waits that long and then goes on: look at 429 and Retry-After."},
		{Name: "cancelled context ends every call", Run: cancelled,
			Asks: "Each method ends soon with the context's error once that is cancelled, also while a request is under way: pass ctx to every request and every wait."},
		{Name: "a broken answer is never an empty server", Run: brokenAnswers,
			Asks: "Login pages, cut and empty answers, wrong JSON and error statuses make the platform fail or, after another try, be complete, never show less: check status, type, length and shape before believing an answer."},
	}
}

func loadCases() []Case {
	return []Case{
		{Name: "parallel calls give the same", Run: parallelCalls,
			Asks: "Methods called at once from several goroutines answer as they do one after the other, and an export stands still while another runs: look for state shared by calls (go test -race shows it)."},
		{Name: "stops at once when the consumer stops", Run: stopsWithConsumer, alone: true,
			Asks: "Leaving the loop over Export ends its requests and all goroutines it began before Export returns: cancel their context and wait for them."},
		{Name: "10,000 assets in bounded memory", Run: manyInBoundedMemory, alone: true,
			Asks: "Export gives documents out one after the other and holds no more of each than a line of the index: look for slices and maps of documents, and for answers kept whole."},
	}
}
