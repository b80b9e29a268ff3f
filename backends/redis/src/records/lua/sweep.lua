-- Takes records that are gone out of the lanes; returns how many.
return sweep(tonumber(ARGV[2]))
