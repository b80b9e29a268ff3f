-- Deletes a document; returns how many that were, or -1 if the condition does not hold.
if not holds(ARGV[4]) then return -1 end
return forget(collection, id)
