package bank

// This file has the categories of transactions.

// CategoryOf returns the category and subcategory of a transaction, by its description. Both
// providers return them.
func CategoryOf(text string) (category, sub string, ok bool) {
	switch text {
	case "Harbor Coffee":
		return "food_and_drink", "coffee", true
	case "Groceries":
		return "food_and_drink", "groceries", true
	case "Restaurant":
		return "food_and_drink", "eating_out_and_takeaways", true
	case "Rent":
		return "mortgage_and_rent", "rent", true
	case "Salary":
		return "income", "employment_income", true
	case "Fuel Station":
		return "transport", "vehicle_fuel_and_charging", true
	case "Interest":
		return "banking", "interest", true
	}
	return "", "", false
}
